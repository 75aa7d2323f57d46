import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { Argument, Command, Option } from 'commander';

import { experiments } from '../../experiments/registry.js';
import { packageRoot } from '../platform/package.js';
import { ensureTensorFlowRuntime } from '../platform/tensorflow-runtime.js';
import { requirePackages } from './experiment-packages.js';
import { runInterruptibly } from './interruption.js';
import { wholeNumber } from './option-values.js';
import { consoleProgress } from './progress.js';

/** What all experiments draw with, and a user of the published package may not have. */
const figurePackages = ['@expo-google-fonts/open-sans', '@resvg/resvg-js', 'vega', 'vega-lite'];

interface ExperimentCommandOptions {
  readonly quick: boolean;
  readonly jobs: number;
  readonly output?: string;
  readonly tensorboard: boolean;
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
  const {
    quick,
    jobs,
    tensorboard,
    output = join('runs', quick ? `${name}-quick` : name),
  } = options;
  const needsTensorFlow = entry.needsTensorFlow || tensorboard;
  requirePackages(command, [
    ...figurePackages,
    ...(needsTensorFlow ? ['@tensorflow/tfjs-node'] : []),
  ]);

  await runInterruptibly(async (signal) => {
    if (needsTensorFlow) {
      await ensureTensorFlowRuntime({ from: packageRoot, progress: consoleProgress(), signal });
    }
    const { runExperiment } = await import('../../experiments/runner/run-experiment.js');
    await runExperiment({
      module: entry.module,
      needsTensorFlow: entry.needsTensorFlow,
      quick,
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
  const list = experiments.map(({ name, description }) => `  ${name.padEnd(14)} ${description}`);
  return new Command('experiment')
    .description(
      "Make one of the paper's experiments: runs, results, tables and figures. A command that was " +
        'interrupted or killed goes on when it is given again.',
    )
    .addArgument(new Argument('<name>', 'which').choices(experiments.map(({ name }) => name)))
    .option('--quick', 'fewer and shorter runs', false)
    .addOption(
      new Option('--jobs <number>', 'processes that make runs at the same time')
        .default(availableParallelism(), 'the number of processors')
        .argParser(wholeNumber({ atLeast: 1 })),
    )
    .option('--output <folder>', 'where all files are written (default: runs/<name>)')
    .option('--tensorboard', 'also write event files for TensorBoard', false)
    .addHelpText('after', `\nExperiments:\n${list.join('\n')}`)
    .action(runNamed);
}
