/** Which folder may import which: a list from the bottom up, of which each imports what stands before it. */
const layers = [
  'lib/values/',
  'lib/options/',
  'lib/platform/',
  'lib/mpi/',
  'lib/rules/',
  'lib/constraints/',
  'lib/losses/',
  'lib/engines/',
  'lib/step/',
  'lib/optimizers/',
  'lib/training/',
  'lib/exports/',
  'lib/index.ts',
  'experiments/',
  'cli/',
  'benchmarks/',
  'site/',
  'test/',
  // Checks a GPU by the tests' table of cases.
  'gpu/',
];

export default {
  forbidden: [
    {
      name: 'no-circle',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'every-folder-has-its-layer',
      severity: 'error',
      from: {
        path: '^(?:lib|experiments|cli|benchmarks|site|test|gpu)/',
        pathNot: `^(?:${layers.join('|')})`,
      },
      to: {},
    },
    ...layers.slice(0, -1).map((layer, i) => ({
      name: `${layer} imports only what stands before it`,
      severity: 'error',
      from: { path: `^${layer}` },
      to: { path: `^(?:${layers.slice(i + 1).join('|')})` },
    })),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      conditionNames: ['import', 'node', 'default'],
      exportsFields: ['exports'],
    },
  },
};
