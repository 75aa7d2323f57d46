import { Command, Option } from 'commander';

import {
  baselineNames,
  defaultSettings,
  type DncSettings,
  type OptimizerSettings,
} from '../../experiments/dnc/settings.js';
import { float32Number, float32NumberOrNone, wholeNumber } from './option-values.js';
import { runTraining } from './training.js';

interface DncOptions extends Omit<DncSettings, 'optimizer'> {
  readonly optimizer: OptimizerSettings['name'];
  readonly learningRate?: number;
  readonly maxLearningRate?: number | 'none';
  readonly output?: string;
}

/** The optimiser with the one of the two rates that is its own. */
function optimizerSettings(
  { optimizer, learningRate, maxLearningRate }: DncOptions,
  command: Command,
): OptimizerSettings {
  if (optimizer === 'alig') {
    if (learningRate !== undefined) {
      command.error(
        "error: option '--learning-rate <number>' is not for alig, whose step size is computed. " +
          'Give --max-learning-rate.',
      );
    }
    const { maxLearningRate: defaultRate } = defaultSettings.optimizer;
    const rate = maxLearningRate ?? defaultRate;
    return { name: optimizer, maxLearningRate: rate === 'none' ? null : rate };
  }
  if (maxLearningRate !== undefined) {
    command.error("error: option '--max-learning-rate <number>' is for alig alone.");
  }
  if (learningRate === undefined) {
    command.error(`error: ${optimizer} needs the option '--learning-rate <number>'.`);
  }
  return { name: optimizer, learningRate };
}

async function trainDnc(options: DncOptions, command: Command): Promise<void> {
  const { steps, seed, output } = options;
  const settings: DncSettings = { optimizer: optimizerSettings(options, command), steps, seed };
  await runTraining(
    command,
    {
      name: 'dnc',
      packages: ['@tensorflow/tfjs-node', 'vega', 'vega-lite'],
      // Its matrices are too small to share, and one thread gives the same numbers everywhere.
      threads: 1,
      run: async (folder, signal) => {
        const { runDnc } = await import('../../experiments/dnc/run.js');
        await runDnc(settings, folder, signal);
      },
    },
    output,
  );
}

/** `tfjs-alig train dnc`. */
export function dncCommand(): Command {
  const defaults = defaultSettings;
  return new Command('dnc')
    .description(
      'Train a differentiable neural computer on repeat copy with ALI-G or a baseline; ' +
        'writes a log of every step and a chart of the curves.',
    )
    .addOption(
      new Option('--optimizer <name>', 'what trains')
        .default(defaults.optimizer.name)
        .choices(['alig', ...baselineNames]),
    )
    .addOption(
      new Option(
        '--learning-rate <number>',
        'of every optimiser but alig, which needs none',
      ).argParser(float32Number({ above: 0 })),
    )
    .addOption(
      new Option(
        '--max-learning-rate <number>',
        `largest step size of alig, or 'none' for ALI-G-infinity (default: ${defaults.optimizer.maxLearningRate})`,
      ).argParser(float32NumberOrNone({ above: 0 })),
    )
    .addOption(
      new Option('--steps <number>', 'training steps, each with a new batch of 16 sequences')
        .default(defaults.steps)
        .argParser(wholeNumber({ atLeast: 1 })),
    )
    .addOption(
      new Option('--seed <number>', 'for the initial parameters and all batches')
        .default(defaults.seed)
        .argParser(wholeNumber({ atLeast: 0, atMost: 2 ** 32 - 1 })),
    )
    .option(
      '--output <folder>',
      'where the log and the chart are written (default: runs/dnc-<time>)',
    )
    .action(trainDnc);
}
