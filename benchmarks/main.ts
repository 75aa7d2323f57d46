/** `npm run bench`: measures, and makes a page of what was measured; docs/benchmarks.md. */
import { dirname, resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { wholeNumber } from '../cli/option-values.js';
import { FileError, makeFolder } from '../lib/platform/file-error.js';
import { writeAtomically } from '../lib/platform/write-atomically.js';
import { runHost } from './host/run.js';
import { runMemory } from './memory/run.js';
import { runMpi } from './mpi/run.js';
import { contendersSection } from './page/contenders.js';
import { hostSection } from './page/host.js';
import { memorySection } from './page/memory.js';
import { mpiSection } from './page/mpi.js';
import { stepSection } from './page/step.js';
import { trainingSection } from './page/training.js';
import { writePages } from './page/write.js';
import { resultText, standardFile, type ResultName, type Results } from './results.js';
import { runSteps } from './step/run.js';
import { parseShapes, type Shape } from './step/shapes.js';
import { runTrainings } from './training/run.js';

function shapesOf(text: string): Shape[] {
  try {
    return parseShapes(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

/** What the options of all measurements have in common. */
interface Common {
  readonly quick: boolean;
  readonly json?: string;
  readonly repetitions?: number;
}

/** Where results go. Those of --quick go nowhere unless a file is named: they say nothing about speed. */
function fileFor(name: ResultName, { quick, json }: Common): string | undefined {
  if (json !== undefined) return resolve(json);
  return quick ? undefined : standardFile(name);
}

/** Writes the results and shows them. */
function deliver<Name extends ResultName>(
  name: Name,
  options: Common,
  results: Results[Name],
  section: (results: Results[Name]) => string,
): void {
  const file = fileFor(name, options);
  const text = resultText(results);
  if (file !== undefined) writeAtomically(file, text);
  // As the page will show them.
  console.log(section(JSON.parse(text) as Results[Name]));
}

const program = new Command('npm run bench --').description(
  'Measures ALI-G steps beside what TensorFlow.js and others offer.',
);

function measurement(name: ResultName, description: string, isDefault = false): Command {
  return program
    .command(name, { isDefault })
    .description(description)
    .option('--quick', 'small sizes, few rounds: shows that it works, not how fast', false)
    .option('--json <file>', `where the results go (default: benchmarks/results/${name}.json)`)
    .hook('preAction', (_, command) => {
      // Before minutes of measuring that would be lost.
      const file = fileFor(name, command.opts<Common>());
      if (file !== undefined) makeFolder(dirname(file));
    });
}

const repetitions = ['--repetitions <count>', 'rounds', wholeNumber({ atLeast: 1 })] as const;

const threads = [
  '--threads <count>',
  "of every contender (default: the package's choice)",
  wholeNumber({ atLeast: 1 }),
] as const;

const peers = [
  '--peers',
  'also PyTorch and Keras, which are installed into a folder of their own',
  false,
] as const;

measurement('step', 'one step: sizes, regimes, the floors of the memory', true)
  .option(...repetitions)
  .option(...peers)
  .option('--shapes <list>', 'such as 160x1000,ResNet-50: TENSORSxELEMENTS or a network', shapesOf)
  .option(...threads)
  .action(async (options: Common & { peers: boolean; shapes?: Shape[]; threads?: number }) => {
    deliver('step', options, await runSteps(options), (results) =>
      [stepSection(results), contendersSection(results)].join('\n\n'),
    );
  });
measurement('training', "training steps and the optimiser's share of them")
  .option(...repetitions)
  .option(...peers)
  .option(...threads)
  .option('--networks <text>', 'those alone whose title has this text, such as WRN-10-1')
  .action(async (options: Common & { peers: boolean; networks?: string; threads?: number }) => {
    deliver('training', options, await runTrainings(options), trainingSection);
  });
measurement('memory', 'what 10,000 steps hold, and steps over a billion parameters').action(
  async (options: Common) => {
    deliver('memory', options, await runMemory(options), memorySection);
  },
);
measurement('host', "the host's share of a step over many small arrays, on a GPU too").action(
  (options: Common) => {
    deliver('host', options, runHost(options), hostSection);
  },
);
measurement('mpi', "a step on 1, 2 and 4 ranks of this machine, beside MPI's own allreduce")
  .option(...peers)
  .option(
    '--links <rates>',
    'also 2 ranks that a link of limited rate joins, such as 1gbit,10gbit; takes root and Linux',
    (text: string) => text.split(','),
  )
  .action((options: Common & { peers: boolean; links?: string[] }) => {
    deliver('mpi', options, runMpi(options), mpiSection);
  });
program
  .command('page')
  .description(
    'makes docs/performance.md, contenders.md and docs/images/ of the files in benchmarks/results/',
  )
  .action(writePages);

try {
  await program.parseAsync();
} catch (error) {
  // A file that cannot be written is the user's affair; all else is a defect, with its stack.
  if (!(error instanceof FileError)) throw error;
  program.error(`error: ${error.message}`);
}
