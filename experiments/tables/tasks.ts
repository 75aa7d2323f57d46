import type * as tf from '@tensorflow/tfjs-node';

import { cifarAugmentation, type Augmentation } from '../data/augment.js';
import { loadCifar10, loadCifar100 } from '../data/cifar.js';
import { emptyImageSet, type DataOptions, type ImageData } from '../data/dataset.js';
import { glove6B100d, glove840B300d, gloveEmbeddings, winkEmbeddings } from '../data/embeddings.js';
import { hasFile } from '../data/files.js';
import { loadMnist32 } from '../data/mnist-32.js';
import { pairClasses, type SentencePairData } from '../data/sentences.js';
import { loadSick } from '../data/sick.js';
import { loadSnli } from '../data/snli.js';
import { loadSvhn } from '../data/svhn.js';
import { DenseNet } from '../networks/dense-net.js';
import type { Network } from '../networks/network.js';
import { SentencePairClassifier } from '../networks/sentence-pair-classifier.js';
import { WideResNet } from '../networks/wide-resnet.js';
import type { RunContext } from '../runner/experiment.js';
import { imageTask, pairTask, type DataTask } from '../training/tasks.js';

/** The examples of each set in the quick form, which takes files of any size. */
export const quickSizes = { trainExamples: 8, validationExamples: 4, testExamples: 4 };

/** A data set of images. */
interface Images {
  readonly name: string;
  readonly title: string;
  readonly augmentation: Augmentation | null;
  readonly load: (
    context: RunContext,
    sizes: Omit<DataOptions, 'folder'>,
  ) => ImageData | Promise<ImageData>;
}

function folderOf({ dataFolder }: RunContext): string {
  if (dataFolder === null) {
    throw new Error(
      'The folder of the data sets is missing: name it with --data <folder>. docs/data.md says what ' +
        'has to be in it.',
    );
  }
  return dataFolder;
}

const cifar10: Images = {
  name: 'cifar10',
  title: 'CIFAR-10',
  augmentation: cifarAugmentation,
  load: (context, sizes) => loadCifar10({ folder: folderOf(context), ...sizes }),
};
const cifar100: Images = {
  name: 'cifar100',
  title: 'CIFAR-100',
  augmentation: cifarAugmentation,
  load: (context, sizes) => loadCifar100({ folder: folderOf(context), ...sizes }),
};
const svhn: Images = {
  name: 'svhn',
  title: 'SVHN',
  augmentation: null,
  load: (context, sizes) => loadSvhn({ folder: folderOf(context), ...sizes }),
};
const mnist: Images = {
  name: 'mnist',
  title: 'MNIST at 32 x 32 x 3 in place of SVHN',
  augmentation: null,
  load: (_, sizes) => loadMnist32(sizes),
};

/** A network for images of so many classes. */
interface ImageNetwork {
  readonly name: string;
  readonly title: string;
  readonly make: (classes: number, seed: number) => Network<tf.Tensor4D>;
}

function wideResNet(depth: number, width: number, dropout = 0): ImageNetwork {
  return {
    name: `wrn-${depth}-${width}`,
    title: `WRN-${depth}-${width}`,
    make: (classes, seed) => new WideResNet({ depth, width, classes, dropout }, seed),
  };
}

function denseNet(depth: number, growth: number): ImageNetwork {
  return {
    name: `dn-${depth}-${growth}`,
    title: `DN-${depth}-${growth}`,
    make: (classes, seed) => new DenseNet({ depth, growth, classes }, seed),
  };
}

/** The share that the paper drops on SVHN. */
const svhnDropout = 0.4;

/** Each data set with its networks: the paper's, then smaller ones. */
const imageNetworks: readonly (readonly [Images, ImageNetwork])[] = [
  [svhn, wideResNet(16, 4, svhnDropout)],
  [cifar10, wideResNet(40, 4)],
  [cifar10, denseNet(40, 40)],
  [cifar100, wideResNet(40, 4)],
  [cifar100, denseNet(40, 40)],
  [mnist, wideResNet(10, 1, svhnDropout)],
  [cifar10, wideResNet(10, 1)],
  [cifar10, denseNet(10, 12)],
];

/** The smallest networks, on the data sets of every column. */
const quickNetworks: readonly (readonly [Images, ImageNetwork])[] = [
  [svhn, wideResNet(10, 1, svhnDropout)],
  [mnist, wideResNet(10, 1, svhnDropout)],
  [cifar10, wideResNet(10, 1)],
  [cifar10, denseNet(10, 4)],
  [cifar100, wideResNet(10, 1)],
  [cifar100, denseNet(10, 4)],
];

function withoutEvaluation(data: ImageData): ImageData {
  const { train } = data.splits;
  const empty = emptyImageSet(0, train.shape, train.classes);
  return { ...data, splits: { train, validation: empty, test: empty } };
}

/** What the names of the quick form's tasks begin with. */
export const quickPrefix = 'quick-';

/**
 * Networks on images.
 * @param options.evaluation Whether there are validation and test: else only the training counts.
 */
export function imageTasks({ evaluation }: { readonly evaluation: boolean }): DataTask[] {
  const taskOf =
    (prefix: string, sizes: Omit<DataOptions, 'folder'>) =>
    ([images, network]: readonly [Images, ImageNetwork]) =>
      imageTask({
        name: `${prefix}${images.name}-${network.name}`,
        title: `${images.title}, ${network.title}`,
        async load(context) {
          const data = await images.load(context, sizes);
          return evaluation ? data : withoutEvaluation(data);
        },
        ...(images.augmentation && { augmentation: images.augmentation }),
        network: ({ seed }, { splits }) => network.make(splits.train.classes, seed),
      });
  return [
    ...imageNetworks.map(taskOf('', {})),
    ...quickNetworks.map(taskOf(quickPrefix, { ...quickSizes, anySize: true })),
  ];
}

/** A Bi-LSTM on pairs of sentences. */
function sentenceTask(
  name: string,
  title: string,
  { units, hidden }: { readonly units: number; readonly hidden: number },
  load: (context: RunContext) => Promise<SentencePairData>,
): DataTask {
  return pairTask({
    name: `${name}-bilstm-${units}`,
    title: `${title}, Bi-LSTM ${units}`,
    load,
    network: ({ seed }, { embeddings }) =>
      new SentencePairClassifier(
        { embedding: embeddings.dimension, units, hidden, classes: pairClasses },
        seed,
      ),
  });
}

const quickUnits = { units: 4, hidden: 8 };

/** Bi-LSTMs on pairs of sentences: the paper's, a smaller one, and the quick form's. */
export const sentenceTasks: readonly DataTask[] = [
  sentenceTask('snli', 'SNLI', { units: 2048, hidden: 512 }, (context) =>
    loadSnli({ folder: folderOf(context), embeddings: gloveEmbeddings(glove840B300d) }),
  ),
  sentenceTask('sick', 'SICK in place of SNLI', { units: 128, hidden: 128 }, (context) =>
    loadSick({ folder: folderOf(context), embeddings: winkEmbeddings() }),
  ),
  sentenceTask(`${quickPrefix}snli`, 'SNLI', quickUnits, (context) =>
    loadSnli({
      folder: folderOf(context),
      embeddings: gloveEmbeddings(glove840B300d, { anySize: true }),
      anySize: true,
    }),
  ),
  sentenceTask(`${quickPrefix}sick`, 'SICK in place of SNLI', quickUnits, (context) => {
    const folder = folderOf(context);
    // A file of a few words does for the quick form, where it is there.
    const embeddings = hasFile(folder, glove6B100d.source, glove6B100d.file)
      ? gloveEmbeddings(glove6B100d, { anySize: true })
      : winkEmbeddings();
    return loadSick({ folder, embeddings, anySize: true });
  }),
];
