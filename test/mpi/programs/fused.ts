/**
 * Steps over arrays and variables on all ranks, or with the argument 'device' over those of a GPU, beside a
 * step of one process with the averages.
 */
import * as tf from '@tensorflow/tfjs-node';
import { SeededRandom } from '../../../experiments/seeded-random.js';
import { AliG, DeviceBuffer, fusedAliGStep, prepareAliGStep } from '../../../lib/index.js';
import { tensorFlowAverager } from '../../../lib/engines/tensorflow.js';
import { mpi, type Reduction } from '../../../lib/exports/mpi.js';
import { stepExchange } from '../../../lib/mpi/communicator.js';
import { addonState } from '../../../lib/platform/addon.js';
import { useBackend } from '../../support/backends.js';
import { tell } from '../../support/mpirun.js';

const { rank, size } = mpi;
// Several chunks, a bucket and more, and arrays of no and of one element.
// The simulated GPU is slow.
const ofDevice = process.argv[2] === 'device';
const lengths = [3, 0, 40_000, 1, ofDevice ? 20_000 : 1_100_000];
const settings = { maxLearningRate: 0.5, momentum: 0.9, maxNorm: 900 };

function arrays(seed: number): Float32Array[] {
  const random = new SeededRandom(seed);
  return lengths.map((length) => Float32Array.from(random.normals(length)));
}

/** The second has no gradient anywhere. */
function withoutSecond(gradients: readonly Float32Array[]): (Float32Array | null)[] {
  return gradients.map((gradient, i) => (i === 1 ? null : gradient));
}

const ofAll = Array.from({ length: size }, (_, other) => arrays(100 + other));
const averages = lengths.map((length, i) =>
  Float32Array.from(
    { length },
    (_, k) => ofAll.reduce((sum, each) => sum + each[i]![k]!, 0) / size,
  ),
);
const losses = Array.from({ length: size }, (_, other) => Math.fround(1 + other / 3));
const meanLoss = losses.reduce((sum, loss) => sum + loss, 0) / size;

function zeros(): Float32Array[] {
  return lengths.map((length) => new Float32Array(length));
}

function isSame(one: readonly ArrayLike<number>[], other: readonly ArrayLike<number>[]): boolean {
  return one.every((array, i) =>
    Array.prototype.every.call(array, (value, k) => value === other[i]![k]),
  );
}

const expected = { parameters: arrays(1), velocities: zeros() };
for (let step = 0; step < 2; step++) {
  fusedAliGStep({
    ...expected,
    ...settings,
    gradients: withoutSecond(averages),
    loss: meanLoss,
  });
}
const wanted = [...expected.parameters, ...expected.velocities];
const gradients = withoutSecond(ofAll[rank]!);
const loss = losses[rank]!;

function stepOverArrays(): void {
  const fused = { parameters: arrays(1), velocities: zeros() };
  for (let step = 0; step < 2; step++) {
    fusedAliGStep({ ...fused, ...settings, gradients, loss, communicator: mpi });
  }
  tell(rank, { arrays: isSame([...fused.parameters, ...fused.velocities], wanted) });

  const held = { parameters: arrays(1), velocities: zeros() };
  const prepared = prepareAliGStep({ ...held, ...settings, gradients, communicator: mpi });
  prepared.step(loss);
  prepared.step(loss);
  tell(rank, { prepared: isSame([...held.parameters, ...held.velocities], wanted) });
}

function stepOverDeviceBuffers(): void {
  const upload = (each: readonly Float32Array[]) => each.map((array) => DeviceBuffer.upload(array));
  const parameters = upload(arrays(1));
  const velocities = upload(zeros());
  for (let step = 0; step < 2; step++) {
    fusedAliGStep({
      ...settings,
      parameters,
      velocities,
      gradients: gradients.map((gradient) => gradient && DeviceBuffer.upload(gradient)),
      loss,
      communicator: mpi,
    });
  }
  tell(rank, {
    device: isSame(
      [...parameters, ...velocities].map((each) => each.download()),
      wanted,
    ),
  });
}

/** Averages of tensors by the op of a GPU, which runs on TensorFlow's CPU device here; several pieces. */
async function averageTensors(): Promise<void> {
  await useBackend('tensorflow');
  const opName = addonState().addon!.registerTensorFlowCudaAverageOp('CPU');
  // A piece has 2 ** 22 numbers.
  const sizes = [5, 0, 2 ** 22, 3, 2 ** 23 + 7, 2 ** 21];
  const valueOf = (other: number, i: number, k: number) => ((7 * k + 5 * other + i) % 13) - 6;
  const own = sizes.map((length, i) =>
    tf.tensor1d(Float32Array.from({ length }, (_, k) => valueOf(rank, i, k))),
  );
  // The last has none on rank 0.
  const given = own.map((tensor, i) => (rank === 0 && i === sizes.length - 1 ? null : tensor));
  const average = (reduction: Reduction): tf.Tensor[] => {
    mpi.reduction = reduction;
    const averager = tensorFlowAverager(opName)(own, given);
    return averager(
      mpi[stepExchange]!,
      own.map((_, i) => i),
    );
  };
  for (const reduction of ['reproducible', 'fast'] as const) {
    const averages = average(reduction);
    // Whole numbers, whose sums are exact in any order.
    const isRight = averages.map((tensor, i) =>
      tensor.dataSync<'float32'>().every((value, k) => {
        let sum = 0;
        for (let other = 0; other < size; other++) {
          if (other > 0 || i < sizes.length - 1) sum += valueOf(other, i, k);
        }
        return value === Math.fround(sum / size);
      }),
    );
    tell(rank, { [reduction]: isRight, shapes: averages.map(({ shape }) => shape[0]) });
  }
}

async function stepOverVariables(backend: 'tensorflow' | 'cpu'): Promise<void> {
  await useBackend(backend);
  const variablesOf = (each: readonly Float32Array[]) =>
    each.map((array) => tf.variable(tf.tensor1d(array)));
  const parameters = variablesOf(arrays(1));
  const velocities = variablesOf(zeros());
  const tensors = gradients.map((gradient) => gradient && tf.tensor1d(gradient));
  if (backend === 'tensorflow') {
    // There the gradients stay in TensorFlow's memory.
    for (const tensor of tensors) {
      if (!tensor) continue;
      tensor.dataSync = () => {
        throw new Error('a gradient was read');
      };
    }
  }
  const before = tf.memory().numTensors;
  for (let step = 0; step < 2; step++) {
    fusedAliGStep({
      ...settings,
      parameters,
      velocities,
      gradients: tensors,
      loss,
      communicator: mpi,
    });
  }
  const values = [...parameters, ...velocities].map((variable) => variable.dataSync());
  tell(rank, { [backend]: isSame(values, wanted), leaked: tf.memory().numTensors - before });

  // A gradient that one rank alone has counts as 0 on the others.
  const [onOne, onAll, onNone] = [
    tf.variable(tf.ones([2])),
    tf.variable(tf.ones([2])),
    tf.variable(tf.ones([1])),
  ];
  const optimizer = new AliG({ maxLearningRate: null, momentum: 0, epsilon: 0, communicator: mpi });
  const gradient = tf.tensor1d([2, 4]);
  optimizer.applyGradients(
    {
      [onOne.name]: rank === size - 1 ? gradient : null,
      [onAll.name]: gradient,
      [onNone.name]: null,
    },
    { loss: 20 },
  );
  const [share, whole] = [
    [2 / size, 4 / size],
    [2, 4],
  ];
  const rate = 20 / [...share, ...whole].reduce((sum, value) => sum + value * value, 0);
  tell(rank, {
    one: [...onOne.dataSync()].map((value, i) => Math.abs(value - (1 - rate * share[i]!)) < 1e-5),
    all: [...onAll.dataSync()].map((value, i) => Math.abs(value - (1 - rate * whole[i]!)) < 1e-5),
    none: [...onNone.dataSync()],
  });
}

if (ofDevice) {
  stepOverDeviceBuffers();
  await averageTensors();
} else {
  stepOverArrays();
  await stepOverVariables('tensorflow');
  await stepOverVariables('cpu');
}
