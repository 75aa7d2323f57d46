/** What model.fit needs to train on the processes of a communicator. */
import { slice, type Rank, type Tensor } from '@tensorflow/tfjs-core';
import { checkCommunicator, type Communicator } from '../mpi/communicator.js';
import { checkTensor } from '../step/checks.js';
import { fitCallback } from './fit-callback.js';

/** The numbers of tfjs-layers by name; scalars that nobody has read yet, which who reads them disposes of. */
type Logs = Record<string, number | Tensor>;

function takeNumber(value: number | Tensor): number {
  if (typeof value === 'number') return value;
  const [number] = value.dataSync();
  value.dispose();
  return number!;
}

/** What model.fit takes as `callbacks` and tf.CustomCallback as its argument. */
export interface LogAverager {
  readonly onBatchBegin: () => void;
  readonly onEpochEnd: (epoch: number, logs?: Logs) => Promise<void>;
}

function checked(owner: string, communicator: unknown): Communicator {
  const found = checkCommunicator(owner, communicator);
  if (found) return found;
  throw new TypeError(`${owner}: communicator is missing; give it mpi of 'tfjs-alig/mpi'.`);
}

/**
 * This rank's part of examples, along the first axis. All ranks have as many examples, so that they make as
 * many steps and each counts as much; up to so many less than there are ranks are left out at the end.
 *
 *     await model.fit(shard(images, mpi), shard(labels, mpi), {epochs: 5});
 *
 * @param examples Of shape [examples, ...], the same on all ranks; it stays the caller's.
 * @returns A new tensor.
 * @throws TypeError for what is no tensor or no communicator, RangeError where there are fewer examples
 * than ranks.
 */
export function shard<Examples extends Tensor>(
  examples: Examples,
  communicator: Communicator,
): Examples {
  const owner = 'shard';
  const { rank, size } = checked(owner, communicator);
  const given: unknown = examples;
  if (!(given as Partial<Tensor> | null)?.shape) checkTensor(() => `${owner}: examples`, given);
  const [count = 0] = examples.shape;
  const each = Math.floor(count / size);
  if (each === 0) {
    throw new RangeError(
      `${owner}: examples has ${count} of them in shape [${examples.shape.join(', ')}], fewer than the ` +
        `${size} ranks that share them.`,
    );
  }
  const begin = examples.shape.map((_, axis) => (axis === 0 ? rank * each : 0));
  return slice<Rank, Examples>(examples, begin, [each, ...examples.shape.slice(1)]);
}

/**
 * A callback for model.fit and fitDataset that replaces the numbers in an epoch's `logs` by their means over
 * the ranks: history, schedules and callbacks that stop a training then see the same on all of them. Put
 * it first, and after stepLogger. All ranks train as many epochs, and the progress bar is that of one:
 *
 *     await model.fit(shard(images, mpi), shard(labels, mpi), {
 *       verbose: mpi.rank === 0 ? 1 : 0,
 *       callbacks: averagedLogs(mpi),
 *     });
 *
 * @throws TypeError for what is no communicator; at the end of an epoch as `communicator.sum`.
 */
export function averagedLogs(communicator: Communicator): LogAverager {
  const ranks = checked('averagedLogs', communicator);
  return fitCallback({
    onBatchBegin() {
      // Nothing: only the numbers of whole epochs are averaged.
    },
    async onEpochEnd(_epoch: number, logs: Logs = {}) {
      const names = Object.keys(logs).sort();
      const values = names.map((name) => takeNumber(logs[name]!));
      const sums = await ranks.sum(Float64Array.from(values));
      names.forEach((name, i) => {
        logs[name] = sums[i]! / ranks.size;
      });
    },
  });
}
