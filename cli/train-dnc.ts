import { Command, Option } from 'commander';

import {
  baselineNames,
  defaultSettings,
  l4Names,
  type DncSettings,
  type OptimizerSettings,
} from '../experiments/dnc/settings.js';
import { numberIn, wholeNumber } from './option-values.js';
import { runTraining } from './training.js';

interface DncOptions extends Omit<DncSettings, 'optimizer'> {
  readonly optimizer: OptimizerSettings['name'];
  readonly learningRate?: number;
  readonly maxLearningRate?: number | 'none';
  readonly fraction?: number;
  readonly output?: string;
}

function isOneOf<Name extends string>(names: readonly Name[], name: string): name is Name {
  return (names as readonly string[]).includes(name);
}

/** The optimiser with the one hyper-parameter that is its own. */
function optimizerSettings(options: DncOptions, command: Command): OptimizerSettings {
  const { optimizer: name, learningRate, maxLearningRate, fraction } = options;
  const given = {
    '--learning-rate': learningRate,
    '--max-learning-rate': maxLearningRate,
    '--fraction': fraction,
  };
  const own = isOneOf(baselineNames, name)
    ? '--learning-rate'
    : isOneOf(l4Names, name)
      ? '--fraction'
      : '--max-learning-rate';
  for (const [option, value] of Object.entries(given)) {
    if (option === own || value === undefined) continue;
    command.error(`error: option '${option} <number>' is not for ${name}. Give ${own}.`);
  }
  if (isOneOf(baselineNames, name)) {
    if (learningRate !== undefined) return { name, learningRate };
    command.error(`error: ${name} needs the option '--learning-rate <number>'.`);
  }
  if (isOneOf(l4Names, name)) return { name, fraction: fraction ?? 0.15 };
  const rate = maxLearningRate ?? defaultSettings.optimizer.maxLearningRate;
  return { name, maxLearningRate: rate === 'none' ? null : rate };
}

async function trainDnc(options: DncOptions, command: Command): Promise<void> {
  const { steps, seed, output } = options;
  const settings: DncSettings = { optimizer: optimizerSettings(options, command), steps, seed };
  await runTraining(
    command,
    {
      name: 'dnc',
      packages: ['@tensorflow/tfjs-node', 'seedrandom', 'vega', 'vega-lite'],
      // Its matrices are too small to share, and one thread gives the same numbers everywhere.
      threads: 1,
      run: async (folder, signal) => {
        const { runDnc } = await import('../experiments/dnc/run.js');
        await runDnc(settings, folder, { signal });
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
        .choices(['alig', ...baselineNames, ...l4Names]),
    )
    .addOption(
      new Option(
        '--learning-rate <number>',
        `of ${baselineNames.join(', ')}, which need it`,
      ).argParser(numberIn({ above: 0 })),
    )
    .addOption(
      new Option(
        '--max-learning-rate <number>',
        `largest step size of alig, or 'none' for ALI-G-infinity (default: ${defaults.optimizer.maxLearningRate})`,
      ).argParser(numberIn({ above: 0, none: 'ALI-G-infinity' })),
    )
    .addOption(
      new Option(
        '--fraction <number>',
        'of the way to the estimated minimum that a step of l4adam or l4mom takes (default: 0.15)',
      ).argParser(numberIn({ above: 0 })),
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
