import { describeMachine, requireAddon, type Machine } from '../machine.js';
import { summarise, ratios, type Summary } from '../statistics.js';
import { ContenderProcess, nodeCommand, threadVariables } from '../worker/process.js';
import { quickRounds, takeTurns, type Rounds, type TimesByPart } from '../worker/rounds.js';
import { optimizers, trainings, type TrainingInput } from './list.js';

/** One network, trained by one optimiser. */
export interface OptimizerResult {
  readonly name: string;
  /** Milliseconds of a training step, and of the optimiser's part, one entry a round. */
  readonly step: readonly number[];
  readonly optimizer: readonly number[];
  readonly stepSummary: Summary;
  readonly optimizerSummary: Summary;
  /** The optimiser's part of the whole step, within a round. */
  readonly share: Summary;
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

const worker = new URL('worker.js', import.meta.url);

function resultOf(name: string, batchSize: number, times: TimesByPart): OptimizerResult {
  const step = times.get('step')!;
  const optimizer = times.get('optimizer')!;
  const stepSummary = summarise(step);
  return {
    name,
    step,
    optimizer,
    stepSummary,
    optimizerSummary: summarise(optimizer),
    share: ratios(optimizer, step),
    examplesPerSecond: (1000 * batchSize) / stepSummary.median,
  };
}

/** Measures training steps of all networks by all optimisers. */
export async function runTrainings(options: {
  readonly quick: boolean;
  readonly repetitions?: number;
}): Promise<TrainingResults> {
  const { quick, repetitions } = options;
  const standard = quick ? quickRounds : standardRounds;
  const rounds = { ...standard, count: repetitions ?? standard.count };
  const environment = threadVariables(requireAddon().getThreadCount());
  const machine = describeMachine();
  const versions: Record<string, string> = { ...machine.versions };
  const results: TrainingResult[] = [];
  for (const { network, title, batchSize: standardSize } of trainings) {
    const batchSize = quick ? quickBatchSize : standardSize;
    console.error(title);
    const processes = optimizers.map(
      ({ key, name }) => new ContenderProcess(name, nodeCommand(worker, key), environment),
    );
    try {
      for (const [i, { key }] of optimizers.entries()) {
        const input: TrainingInput = { network, optimizer: key, batchSize, quick };
        const ready = await processes[i]!.ask('prepare', { input });
        Object.assign(versions, ready.versions);
      }
      const times = await takeTurns(processes, rounds);
      const { details } = await processes[0]!.ask('details', {});
      results.push({
        title,
        tensors: details['tensors'] as number,
        parameters: details['parameters'] as number,
        batchSize,
        optimizers: optimizers.map(({ name }, i) => resultOf(name, batchSize, times[i]!)),
      });
    } finally {
      await Promise.all(processes.map((child) => child.stop()));
    }
  }
  return { machine: { ...machine, versions }, rounds, trainings: results };
}
