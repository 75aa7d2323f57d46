/** What the package sets in node:util, where, and what it leaves alone. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { build } from 'esbuild';
import { packageRoot, temporaryFolder, withoutIsNullOrUndefined } from './folders.js';
import { runNode } from './run.js';

/** NODE_OPTIONS for a Node that lacks isNullOrUndefined, as 23 does, and warns of isArray, as 22. */
function newerNode(t: ExecutionContext): string {
  const script = join(temporaryFolder(t), 'node-22.cjs');
  writeFileSync(
    script,
    "const util = require('node:util'); util.isArray = util.deprecate(Array.isArray, 'no', 'DEP0044');",
  );
  return `${withoutIsNullOrUndefined(t)} --require=${script} --throw-deprecation`;
}

// topk calls isNullOrUndefined itself, and every op both through the backend.
const train = `
  const optimizer = new AliG({ maxLearningRate: 0.1 });
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] });
  model.compile({ optimizer, loss: 'meanSquaredError' });
  model.fit(tf.ones([4, 2]), tf.ones([4, 1]), { epochs: 1, verbose: 0 }).then(() => {
    console.log(optimizer.lastStep.engine, tf.topk([1, 3, 2]).values.dataSync()[0]);
  });
`;

const programs: readonly [title: string, type: 'module' | 'commonjs', source: string][] = [
  [
    'an ES module that imports tfjs-node first',
    'module',
    `import * as tf from '@tensorflow/tfjs-node'; import { AliG } from 'tfjs-alig'; ${train}`,
  ],
  [
    'an ES module that imports tfjs-alig first',
    'module',
    `import { AliG } from 'tfjs-alig'; import * as tf from '@tensorflow/tfjs-node'; ${train}`,
  ],
  [
    'a CommonJS module',
    'commonjs',
    `const tf = require('@tensorflow/tfjs-node'); const { AliG } = require('tfjs-alig'); ${train}`,
  ],
];

for (const [title, type, source] of programs) {
  test(`${title} trains where Node lacks a function and warns of another`, async (t) => {
    const { exitCode, output } = await runNode([`--input-type=${type}`, '--eval', source], {
      cwd: packageRoot,
      environment: { NODE_OPTIONS: newerNode(t) },
    });
    t.is(exitCode, 0, output);
    t.regex(output, /^tensorflow-cpu 3$/m);
    t.notRegex(output, /Deprecat/i);
  });
}

test('so does a worker thread, which has a node:util of its own', async (t) => {
  const worker = join(packageRoot, 'dist', 'test', 'support', 'step-in-worker.js');
  const source = `
    import { Worker } from 'node:worker_threads';
    const worker = new Worker(${JSON.stringify(worker)}, { execArgv: [] });
    worker.on('message', ({ engine }) => console.log(engine));
  `;
  const { exitCode, output } = await runNode(['--input-type=module', '--eval', source], {
    cwd: packageRoot,
    environment: { NODE_OPTIONS: newerNode(t) },
  });
  t.is(exitCode, 0, output);
  t.regex(output, /^tensorflow-cpu$/m);
  t.notRegex(output, /Deprecat/i);
});

/** Which properties of node:util change when the package is imported after the script `before`. */
async function changed(before: string, environment: NodeJS.ProcessEnv = {}): Promise<unknown> {
  const source = `
    import util from 'node:util';
    ${before}
    const present = new Map(Reflect.ownKeys(util).map((key) => [key, util[key]]));
    await import('tfjs-alig');
    const different = Reflect.ownKeys(util).filter((key) => util[key] !== present.get(key));
    console.log(JSON.stringify(different.sort()));
  `;
  const { output } = await runNode(['--input-type=module', '--eval', source], {
    cwd: packageRoot,
    environment: { NODE_OPTIONS: '', ...environment },
  });
  return JSON.parse(output);
}

const both = ['isArray', 'isNullOrUndefined'];
const warns = 'for (const name of names) util[name] = util.deprecate(() => true, name);';
const lacks = 'for (const name of names) delete util[name];';
const names = `const names = ${JSON.stringify(both)};`;

test('importing the package changes nothing else, and nothing at all on Node 20', async (t) => {
  const warnedOf = Number.parseInt(process.versions.node) >= 22;
  t.deepEqual(await changed(''), warnedOf ? both : []);
});

test('what is missing and what warns is set', async (t) => {
  t.deepEqual(await changed(names + lacks), both);
  t.deepEqual(await changed(names + warns), both);
});

test('what is there and does not warn is left, also where another package has put it', async (t) => {
  t.deepEqual(await changed(`${names} for (const name of names) util[name] = () => true;`), []);
});

test('TFJS_ALIG_SKIP_UTIL_FUNCTIONS=1 leaves node:util as it is', async (t) => {
  t.deepEqual(await changed(names + lacks, { TFJS_ALIG_SKIP_UTIL_FUNCTIONS: '1' }), []);
});

test('a frozen node:util stays as it is, and the package can be imported', async (t) => {
  t.deepEqual(await changed(`${names}${lacks} Object.freeze(util);`), []);
});

for (const [platform, isNode] of [
  ['browser', false],
  ['node', true],
] as const) {
  test(`a bundle for the platform ${platform} ${isNode ? 'sets' : 'does not set'} them`, async (t) => {
    const { metafile, outputFiles } = await build({
      stdin: {
        contents: "import { AliG } from 'tfjs-alig'; console.log(AliG.className);",
        resolveDir: packageRoot,
      },
      bundle: true,
      minify: true,
      treeShaking: true,
      format: 'esm',
      platform,
      external: ['@tensorflow/*'],
      metafile: true,
      write: false,
    });
    const platformFile = isNode ? 'addon.js' : 'addon.browser.js';
    t.true(`dist/lib/platform/${platformFile}` in metafile.inputs);
    t.is(outputFiles[0]!.text.includes('isNullOrUndefined'), isNode);
  });
}
