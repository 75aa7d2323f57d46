import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { Argument, Command, InvalidArgumentError, Option } from 'commander';

import { experiments, type ExperimentEntry } from '../experiments/registry.js';
import type { Shard } from '../experiments/runner/experiment.js';
import { ranksOfMpirun } from '../experiments/runner/ranks.js';
import { packageRoot } from '../lib/platform/package.js';
import { ensureTensorFlowRuntime } from '../lib/platform/tensorflow-runtime.js';
import { requirePackages } from './experiment-packages.js';
import { runInterruptibly } from './interruption.js';
import { wholeNumber } from './option-values.js';
import { consoleProgress } from './progress.js';

/** What all experiments draw with, and a user of the published package may not have. */
const figurePackages = ['@expo-google-fonts/open-sans', '@resvg/resvg-js', 'vega', 'vega-lite'];

interface ExperimentCommandOptions {
  readonly quick: boolean;
  readonly jobs?: number;
  readonly output?: string;
  readonly tensorboard: boolean;
  readonly preset?: string;
  readonly data?: string;
  readonly shard?: Shard;
  readonly plan: boolean;
  readonly report: boolean;
}

/** Parser of a part of a grid: 2/5. */
function shard(text: string): Shard {
  const [index = NaN, count = NaN] = /^[1-9]\d*\/[1-9]\d*$/.test(text)
    ? text.split('/').map(Number)
    : [];
  if (!(index <= count)) {
    throw new InvalidArgumentError('Allowed is K/N, the K-th of N shards, as 1/4.');
  }
  return { index, count };
}

/** The preset that is asked for, or the first one; null where the experiment has none. */
function presetOf(
  { name, presets = [] }: ExperimentEntry,
  given: string | undefined,
  command: Command,
): string | null {
  if (given !== undefined && !presets.includes(given)) {
    const allowed =
      presets.length === 0 ? `${name} has no presets` : `Allowed choices are ${presets.join(', ')}`;
    command.error(`error: option '--preset <name>' argument '${given}' is invalid. ${allowed}.`);
  }
  return given ?? presets[0] ?? null;
}

async function runNamed(
  name: string,
  options: ExperimentCommandOptions,
  command: Command,
): Promise<void> {
  const entry = experiments.find((experiment) => experiment.name === name);
  if (entry === undefined) {
    throw new Error(`There is no experiment ${name}.`);
  }
  const { quick, tensorboard, data } = options;
  const preset = presetOf(entry, options.preset, command);
  if (data !== undefined && entry.takesData !== true) {
    command.error(`error: option '--data <folder>' is not for ${name}, which reads no data set.`);
  }
  const communicator = await ranksOfMpirun();
  for (const option of ['shard', 'plan', 'report'] as const) {
    if (!communicator || command.getOptionValueSource(option) !== 'cli') continue;
    command.error(
      `error: option '--${option}' is not for several ranks, which share the runs by themselves; give ` +
        'the command without mpirun.',
    );
  }
  // Each rank is a process already.
  const { jobs = communicator ? 1 : availableParallelism() } = options;
  // Each form has a folder of its own: their runs differ.
  const form = [name, ...(options.preset === undefined ? [] : [options.preset])];
  const { output = join('runs', [...form, ...(quick ? ['quick'] : [])].join('-')) } = options;
  const needsTensorFlow = entry.needsTensorFlow || tensorboard;
  requirePackages(command, [
    ...figurePackages,
    ...(needsTensorFlow ? ['@tensorflow/tfjs-node'] : []),
    ...(entry.packages ?? []),
  ]);

  if (options.plan) {
    const { printPlan } = await import('../experiments/runner/plan.js');
    await printPlan({
      module: entry.module,
      quick,
      preset,
      dataFolder: data === undefined ? null : resolve(data),
      shard: options.shard,
    });
    return;
  }
  await runInterruptibly(async (signal) => {
    if (needsTensorFlow) {
      await ensureTensorFlowRuntime({ from: packageRoot, progress: consoleProgress(), signal });
    }
    const runner = await import('../experiments/runner/run-experiment.js');
    const make = options.report ? runner.reportFinishedRuns : runner.runExperiment;
    await make({
      module: entry.module,
      needsTensorFlow: entry.needsTensorFlow,
      quick,
      preset,
      dataFolder: data === undefined ? null : resolve(data),
      shard: options.shard,
      communicator,
      jobs,
      outputFolder: resolve(output),
      command: ['tfjs-alig', ...process.argv.slice(2)].join(' '),
      tensorBoard: tensorboard,
      signal,
    });
  });
}

/** `tfjs-alig experiment`: the paper's figures and theorems, one command each. */
export function experimentCommand(): Command {
  const list = experiments.map(({ name, description, presets }) =>
    [`  ${name.padEnd(14)} ${description}`, ...(presets ? [`(${presets.join(', ')})`] : [])].join(
      ' ',
    ),
  );
  return new Command('experiment')
    .description(
      "Make one of the paper's experiments: runs, results, tables and figures. A command that was " +
        'interrupted or killed goes on when it is given again.',
    )
    .addArgument(new Argument('<name>', 'which').choices(experiments.map(({ name }) => name)))
    .option('--quick', 'fewer and shorter runs', false)
    .addOption(
      new Option(
        '--jobs <number>',
        'processes that make runs at the same time (default: the number of processors; on several ranks one each)',
      ).argParser(wholeNumber({ atLeast: 1 })),
    )
    .option('--output <folder>', 'where all files are written (default: runs/<name>)')
    .option('--preset <name>', 'the size that it is made in, where it has several')
    .option('--data <folder>', 'where its data sets are, where it reads any')
    .addOption(
      new Option(
        '--shard <K/N>',
        'make every N-th run only, from the K-th on, as one of N commands that share the runs',
      ).argParser(shard),
    )
    .option('--plan', 'list the runs and check the data of --data, but make none', false)
    .option('--report', 'make the report of the runs that are finished, and no run', false)
    .option('--tensorboard', 'also write event files for TensorBoard', false)
    .addHelpText('after', `\nExperiments:\n${list.join('\n')}`)
    .action(runNamed);
}
