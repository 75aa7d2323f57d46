import { describeMachine, requireAddon, type Machine } from '../machine.js';
import { summarise, ratios, type Summary } from '../statistics.js';
import { installPeers } from '../peers/environment.js';
import { ContenderProcess, threadVariables } from '../worker/process.js';
import { quickRounds, takeTurns, type Rounds, type TimesByPart } from '../worker/rounds.js';
import {
  takesPart,
  trainingContenders,
  trainings,
  type Architecture,
  type TrainingInput,
} from './list.js';

/** The optimiser's part of a training step. */
export interface OptimizerPart {
  /** Milliseconds, one entry a round. */
  readonly optimizer: readonly number[];
  readonly optimizerSummary: Summary;
  /** Of the whole step, within a round. */
  readonly share: Summary;
}

/** One network, trained by one optimiser; what its part is only tfjs's optimisers tell. */
export interface OptimizerResult extends Partial<OptimizerPart> {
  readonly name: string;
  /** Milliseconds of a training step, one entry a round. */
  readonly step: readonly number[];
  readonly stepSummary: Summary;
  /** The same of all processors together, which other programs on the machine lengthen less. */
  readonly processors?: Summary;
  readonly examplesPerSecond: number;
}

export interface TrainingResult {
  readonly title: string;
  readonly tensors: number;
  readonly parameters: number;
  readonly batchSize: number;
  readonly optimizers: readonly OptimizerResult[];
}

export interface TrainingResults {
  readonly machine: Machine;
  readonly rounds: Rounds;
  readonly trainings: readonly TrainingResult[];
}

/** A step of the larger networks takes seconds. */
const standardRounds: Rounds = { count: 5, turnMilliseconds: 200 };
const quickBatchSize = 2;

/**
 * TensorFlow's default on some processors, and not on others: on an AMD EPYC without AVX-512 a
 * convolution's gradients take up to three times as long without it.
 */
const oneDnn = { TF_ENABLE_ONEDNN_OPTS: '1' } as const;

function resultOf(name: string, batchSize: number, times: TimesByPart): OptimizerResult {
  const step = times.get('step')!;
  const optimizer = times.get('optimizer');
  const stepSummary = summarise(step);
  return {
    name,
    step,
    stepSummary,
    processors: summarise(times.get('processors')!),
    ...(optimizer && {
      optimizer,
      optimizerSummary: summarise(optimizer),
      share: ratios(optimizer, step),
    }),
    examplesPerSecond: (1000 * batchSize) / stepSummary.median,
  };
}

/**
 * Words of each premise and of each hypothesis: around either mean evenly from half of it to one and
 * a half, in no order.
 */
function sentenceLengths(architecture: Architecture, batchSize: number): number[][] {
  if (architecture.kind !== 'sentence-pairs') return [];
  return architecture.words.map((mean, side) =>
    Array.from({ length: batchSize }, (_, i) => {
      // Numbers without a common divisor with a batch of 64 meet every place once.
      const place = ((i * [7, 11][side]!) % batchSize) / (batchSize - 1);
      return Math.max(1, Math.round(mean * (0.5 + place)));
    }),
  );
}

/** Measures training steps of all networks by all optimisers. */
export async function runTrainings(options: {
  readonly quick: boolean;
  readonly peers: boolean;
  /** A part of the title of the networks that are measured; default: all. */
  readonly networks?: string;
  readonly repetitions?: number;
  /** Of every contender. Default: the package's choice. */
  readonly threads?: number;
}): Promise<TrainingResults> {
  const { quick, peers, networks, repetitions } = options;
  const python = peers ? installPeers() : null;
  const standard = quick ? quickRounds : standardRounds;
  const rounds = { ...standard, count: repetitions ?? standard.count };
  const threads = options.threads ?? requireAddon().getThreadCount();
  const machine = { ...describeMachine(), threads };
  const versions: Record<string, string> = { ...machine.versions };
  const results: TrainingResult[] = [];
  const chosen = trainings.filter(({ title }) => title.includes(networks ?? ''));
  if (chosen.length === 0) {
    const titles = trainings.map(({ title }) => title).join('; ');
    throw new RangeError(`No network has ${networks!} in its title; there are: ${titles}.`);
  }
  for (const { title, batchSize: standardSize, ...training } of chosen) {
    const architecture = quick ? training.quick : training.architecture;
    const batchSize = quick ? quickBatchSize : standardSize;
    console.error(title);
    const contenders = trainingContenders.filter(
      (contender) => (python !== null || !contender.peer) && takesPart(contender, architecture),
    );
    const processes = contenders.map(
      ({ name, command }) =>
        new ContenderProcess(name, command(python ?? ''), {
          ...threadVariables(threads),
          ...oneDnn,
        }),
    );
    try {
      const lengths = sentenceLengths(architecture, batchSize);
      for (const child of processes) {
        const input: TrainingInput = { architecture, batchSize, lengths, threads };
        const ready = await child.ask('prepare', { input });
        Object.assign(versions, ready.versions);
      }
      const times = await takeTurns(processes, rounds);
      const { details } = await processes[0]!.ask('details', {});
      results.push({
        title,
        tensors: details['tensors'] as number,
        parameters: details['parameters'] as number,
        batchSize,
        optimizers: contenders.map(({ name }, i) => resultOf(name, batchSize, times[i]!)),
      });
    } finally {
      await Promise.all(processes.map((child) => child.stop()));
    }
  }
  return { machine: { ...machine, versions }, rounds, trainings: results };
}
