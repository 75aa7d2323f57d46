import { Command } from 'commander';
import { installCommand } from '../lib/platform/package-manager.js';
import type { Diagnosis } from './diagnosis.js';
import {
  examine,
  type BuildDiagnosis,
  type CudaDiagnosis,
  type DoctorReport,
  type MpiDiagnosis,
} from './examine.js';

type Row = readonly [label: string, text: string];

const labelWidth = 20;

function diagnosisRow<Finding>(
  label: string,
  diagnosis: Diagnosis<Finding>,
  describe: (finding: Finding) => string,
): Row {
  return diagnosis.status === 'works'
    ? [label, describe(diagnosis)]
    : [label, `${diagnosis.status}: ${diagnosis.problem}\nFix: ${diagnosis.remedy}`];
}

function buildRows({ compiler, python, headers, missing }: BuildDiagnosis): Row[] {
  return [
    ['C++ compiler', compiler.command === null ? compiler.missing : compiler.version],
    [
      'Build from source',
      missing.length > 0
        ? `only where no prebuilt add-on serves; it lacks:\n${missing.join('\n')}`
        : `can be done: make, node-gyp, Python ${python.command === null ? '' : python.version}\n` +
          `headers of Node-API: ${headers}`,
    ],
  ];
}

function cudaRows({ nvcc, library, gpus }: CudaDiagnosis): Row[] {
  return [
    ['nvcc', nvcc.command === null ? nvcc.missing : `CUDA ${nvcc.version}`],
    library
      ? diagnosisRow('CUDA engine', library, ({ path }) => path)
      : ['CUDA engine', 'not tried: it needs the native add-on'],
    ...(gpus
      ? [
          diagnosisRow('GPU', gpus, ({ found }) =>
            found
              .map(
                ({ name, computeCapability, memory }) =>
                  `${name}, compute capability ${computeCapability}, ${(memory / 2 ** 30).toFixed(1)} GiB`,
              )
              .join('\n'),
          ),
        ]
      : []),
  ];
}

function mpiRow({ library }: MpiDiagnosis): Row {
  return library
    ? diagnosisRow('MPI engine', library, ({ path }) => path)
    : ['MPI engine', 'not tried: it needs the native add-on'];
}

/** What the package does to node:util; docs/platforms.md. */
function utilText({ set, skipped }: DoctorReport['utilFunctions']): string {
  if (skipped) return 'left as it is: TFJS_ALIG_SKIP_UTIL_FUNCTIONS=1';
  return set.length > 0
    ? `${set.join(' and ')} set for tfjs-node (docs/platforms.md)`
    : 'has what tfjs-node calls, nothing is set';
}

function rows(report: DoctorReport): Row[] {
  const { engines } = report;
  const table: Row[] = [
    ['tfjs-alig', report.packageVersion],
    ['Platform', `${report.platform}-${report.architecture}`],
    ['Node', `${report.node}, Node-API ${report.nodeApi}`],
    ['node:util', utilText(report.utilFunctions)],
    diagnosisRow('tfjs-core', report.core, ({ version, directory }) => `${version}, ${directory}`),
    ...buildRows(report.build),
    diagnosisRow('Native add-on', report.addon, (addon) =>
      [
        `version ${addon.version}, ${addon.threads} threads`,
        `instruction set ${addon.instructionSet} (of ${addon.instructionSets.join(', ')})`,
        addon.path,
      ].join('\n'),
    ),
    ...cudaRows(report.cuda),
    mpiRow(report.mpi),
  ];
  for (const { package: found, runtime, registration, noGpu } of report.tensorFlow) {
    const title = `${found.name} ${found.version}`;
    table.push(
      diagnosisRow(
        'TensorFlow runtime',
        runtime,
        ({ tensorFlowVersion, usesGpu }) =>
          `${title}: TensorFlow ${tensorFlowVersion} on the ${usesGpu ? 'GPU' : 'CPU'}`,
      ),
      registration
        ? diagnosisRow('TensorFlow op', registration, ({ opName }) => `${opName}, in ${title}`)
        : ['TensorFlow op', `not tried in ${title}: it needs the runtime and the add-on`],
    );
    if (noGpu) {
      const lines = [
        noGpu.reason ?? 'TensorFlow uses none and does not say why',
        ...noGpu.unloadedLibraries.map(({ name, problem }) => `${name} was not loaded: ${problem}`),
        `Fix: ${noGpu.remedy}`,
      ];
      table.push(["TensorFlow's GPU", lines.join('\n')]);
    }
  }
  if (report.tensorFlow.length === 0) {
    table.push([
      'TensorFlow runtime',
      `missing: @tensorflow/tfjs-node is not installed\nFix: ${installCommand('@tensorflow/tfjs-node')}`,
    ]);
  }
  table.push(
    ['Step, tfjs-node', engines.tensorFlow ?? 'none: tfjs-node does not work here'],
    ['Step, Float32Array', engines.hostArrays],
    ['Step, DeviceBuffer', engines.deviceBuffers ?? 'none: no GPU can be used here'],
    ['Step, elsewhere', engines.otherBackends],
  );
  return table;
}

function layOut([label, text]: Row): string {
  return text
    .split('\n')
    .map((line, index) => (index === 0 ? label : '').padEnd(labelWidth) + line)
    .join('\n');
}

async function run({ json }: { json: boolean }): Promise<void> {
  const report = await examine();
  console.log(json ? JSON.stringify(report, null, 2) : rows(report).map(layOut).join('\n'));
  process.exitCode = report.canTrain ? 0 : 1;
}

/** `tfjs-alig doctor`: what is there, what a step will use, and how to fix what fails. */
export function doctorCommand(): Command {
  return new Command('doctor')
    .description(
      'say what works here, which engine a step will use, and how to fix the rest; ' +
        'exits with 0 where a training works, else with 1',
    )
    .option('--json', 'print the report as JSON', false)
    .action(run);
}
