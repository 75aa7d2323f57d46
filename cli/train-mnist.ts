import { Command, Option } from 'commander';

import {
  hyperParametersOf,
  needsObjective,
  optimizerNames,
  type OptimizerName,
  type OptimizerSettings,
} from '../experiments/mnist/optimizers.js';
import {
  defaultObjectiveExamples,
  defaultSettings,
  type MnistSettings,
} from '../experiments/mnist/settings.js';
import type { AnyOption } from '../lib/options/option.js';
import { numberIn, wholeNumber } from './option-values.js';
import { mnistPackages } from './experiment-packages.js';
import { runTraining } from './training.js';

/** A hyper-parameter as commander hands it out; it makes an empty text of null, hence 'none'. */
type Given = number | boolean | string;

type MnistOptions = Omit<MnistSettings, 'optimizer' | 'objectiveExamples'> & {
  readonly optimizer: OptimizerName;
  readonly objectiveExamples?: number;
  readonly output?: string;
} & Readonly<Record<string, unknown>>;

/** What one hyper-parameter is in the optimisers that have it. */
type Owners = ReadonlyMap<OptimizerName, AnyOption>;

/** Which optimisers have which hyper-parameter. */
function ownersOfHyperParameters(): ReadonlyMap<string, Owners> {
  const owners = new Map<string, Map<OptimizerName, AnyOption>>();
  for (const optimizer of optimizerNames) {
    for (const [name, option] of Object.entries(hyperParametersOf(optimizer))) {
      if (!owners.has(name)) owners.set(name, new Map());
      owners.get(name)!.set(optimizer, option);
    }
  }
  return owners;
}

/** A hyper-parameter as it is named on the command line. */
function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** What it means, by the optimisers that mean the same, and the default of the one that trains. */
function helpOf(name: string, owners: Owners): string {
  const meanings = [...new Set([...owners.values()].map(({ meaning }) => meaning))].map(
    (meaning) => {
      const names = [...owners].flatMap(([each, option]) =>
        option.meaning === meaning ? [each] : [],
      );
      return `${meaning} (${names.length === optimizerNames.length ? 'all' : names.join(', ')})`;
    },
  );
  const standard = defaultSettings.optimizer.hyperParameters[name];
  return [
    ...meanings,
    ...([...owners.values()][0]!.range?.none === undefined ? [] : ["or 'none'"]),
    ...(standard === undefined || standard === false
      ? []
      : [`default of ${defaultSettings.optimizer.name}: ${standard ?? 'none'}`]),
  ].join('; ');
}

/** The options of a hyper-parameter: a flag has one for each value that is not a default. */
function commandLineOptions(name: string, owners: Owners): Option[] {
  const options = [...owners.values()];
  const [{ kind, start }] = options as [AnyOption];
  const help = helpOf(name, owners);
  if (kind === 'number') {
    return [new Option(`${flagOf(name)} <number>`, help).argParser(numberIn(start!))];
  }
  if (kind === 'choice') {
    const choices = new Set(options.flatMap((option) => option.choices!));
    return [new Option(`${flagOf(name)} <name>`, help).choices([...choices])];
  }
  const standards = new Set(options.map((option) => option.default));
  return [
    ...(standards.has(false) ? [new Option(flagOf(name), help)] : []),
    ...(standards.has(true) ? [new Option(`--no-${flagOf(name).slice(2)}`, `not: ${help}`)] : []),
  ];
}

const hyperParameters = new Map(
  [...ownersOfHyperParameters()].map(([name, owners]) => [name, commandLineOptions(name, owners)]),
);

/** The optimiser with the hyper-parameters that were given; an error for one that it has not. */
function optimizerSettings(options: MnistOptions, command: Command): OptimizerSettings {
  const { optimizer: name } = options;
  const own = hyperParametersOf(name);
  const given = [...hyperParameters.keys()].filter(
    (each) => command.getOptionValueSource(each) === 'cli',
  );
  const value = (each: string) =>
    own[each]?.kind === 'number' && options[each] === 'none' ? null : (options[each] as Given);
  for (const each of given) {
    const { flags } = hyperParameters.get(each)![0]!;
    const option = own[each];
    if (option === undefined) {
      const known = Object.keys(own).map((other) => hyperParameters.get(other)![0]!.long);
      command.error(
        `error: option '${flags}' is not for ${name}, whose options are ${known.join(', ')}.`,
      );
    } else if (option.kind === 'choice' && !option.accepts(options[each])) {
      command.error(`error: option '${flags}' of ${name} must be ${option.rule}.`);
    }
  }
  const standard = defaultSettings.optimizer;
  const chosen = {
    ...(name === standard.name && standard.hyperParameters),
    ...Object.fromEntries(given.map((each) => [each, value(each)])),
  };
  const missing = Object.keys(own).find((each) => own[each]!.required && !(each in chosen));
  if (missing !== undefined) {
    command.error(
      `error: ${name} needs the option '${hyperParameters.get(missing)![0]!.flags}', for which no ` +
        'value suits every training.',
    );
  }
  return { name, hyperParameters: chosen };
}

/** The names of the optimisers that need the loss of all examples before each step. */
const withObjective = optimizerNames.filter(needsObjective);

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
      packages: mnistPackages,
      forRanks: true,
      run: async (folder, signal, communicator) => {
        const { runMnist } = await import('../experiments/mnist/run.js');
        await runMnist(settings, folder, { signal, communicator });
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
        .choices(optimizerNames),
    );
  for (const option of [...hyperParameters.values()].flat()) command.addOption(option);
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
