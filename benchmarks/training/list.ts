/** Which trainings are measured, without loading TensorFlow.js. */
import { contenderScript } from '../peers/environment.js';
import { momentumName, plainName } from '../contenders/list.js';
import { nodeCommand, type Command } from '../worker/process.js';

/** A network and its sizes, as the processes are told it. */
export type Architecture =
  | { readonly kind: 'mnist' }
  | {
      readonly kind: 'wide-resnet';
      /** Rows and columns of an image. */
      readonly size: number;
      readonly depth: number;
      readonly width: number;
      readonly classes: number;
    }
  | {
      readonly kind: 'dense-net';
      readonly size: number;
      readonly depth: number;
      readonly growth: number;
      readonly classes: number;
    }
  | {
      readonly kind: 'sentence-pairs';
      readonly embedding: number;
      readonly units: number;
      readonly hidden: number;
      readonly classes: number;
      /** Words of premises and of hypotheses, mean over a batch. */
      readonly words: readonly [number, number];
    };

export interface Training {
  readonly title: string;
  /** Of the published experiments. */
  readonly batchSize: number;
  readonly architecture: Architecture;
  /** As small as it can be. */
  readonly quick: Architecture;
}

const images = { size: 32, classes: 10 } as const;
const smallImages = { size: 8, classes: 10 } as const;

export const trainings: readonly Training[] = [
  {
    title: 'Convolutional network, MNIST',
    batchSize: 128,
    architecture: { kind: 'mnist' },
    quick: { kind: 'mnist' },
  },
  {
    title: 'WRN-10-1, 32 x 32 images',
    batchSize: 128,
    architecture: { kind: 'wide-resnet', ...images, depth: 10, width: 1 },
    quick: { kind: 'wide-resnet', ...smallImages, depth: 10, width: 1 },
  },
  {
    title: 'WRN-16-4, 32 x 32 images',
    batchSize: 128,
    architecture: { kind: 'wide-resnet', ...images, depth: 16, width: 4 },
    quick: { kind: 'wide-resnet', ...smallImages, depth: 16, width: 1 },
  },
  {
    title: 'DN-22-12, 32 x 32 images',
    batchSize: 128,
    architecture: { kind: 'dense-net', ...images, depth: 22, growth: 12 },
    quick: { kind: 'dense-net', ...smallImages, depth: 10, growth: 2 },
  },
  {
    // The means of SNLI, with the marks of beginning and end.
    title: 'Bi-LSTM, pairs of 16 and 10 words',
    batchSize: 64,
    architecture: {
      kind: 'sentence-pairs',
      embedding: 300,
      units: 2048,
      hidden: 512,
      classes: 3,
      words: [16, 10],
    },
    quick: {
      kind: 'sentence-pairs',
      embedding: 4,
      units: 8,
      hidden: 8,
      classes: 3,
      words: [3, 2],
    },
  },
];

/** What the process of one training is given. */
export interface TrainingInput {
  readonly architecture: Architecture;
  readonly batchSize: number;
  /** Words of each premise and of each hypothesis. */
  readonly lengths: readonly (readonly number[])[];
  readonly threads: number;
}

/** By what a network is trained. */
export interface TrainingContender {
  readonly name: string;
  readonly command: (python: string) => Command;
  /** Whether it is measured with --peers alone. */
  readonly peer: boolean;
}

const worker = new URL('worker.js', import.meta.url);

/** By what optimiser: ALI-G before and after it was fused, and the usual choice. */
export type OptimizerName = 'plain' | 'alig' | 'momentum';

const node = (name: string, key: OptimizerName): TrainingContender => ({
  name,
  command: () => nodeCommand(worker, key),
  peer: false,
});

const torch = (name: string, key: string): TrainingContender => ({
  name,
  command: (python) => ({ file: python, arguments: ['-u', contenderScript, key] }),
  peer: true,
});

export const trainingContenders: readonly TrainingContender[] = [
  node(plainName, 'plain'),
  node('AliG', 'alig'),
  node(momentumName, 'momentum'),
  torch('PyTorch, SGD', 'torch-training'),
  torch('PyTorch, SGD, channels last', 'torch-training-channels-last'),
];

/** Whether a contender is something else for a network than the others are. */
export function takesPart({ name }: TrainingContender, { kind }: Architecture): boolean {
  // Sentences have no channels; the network of MNIST is not built in PyTorch.
  if (name === 'PyTorch, SGD, channels last') return kind !== 'sentence-pairs' && kind !== 'mnist';
  return kind !== 'mnist' || !name.startsWith('PyTorch');
}
