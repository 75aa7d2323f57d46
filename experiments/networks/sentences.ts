import type * as tf from '@tensorflow/tfjs-node';

/** Sentences of a batch as word vectors. */
export interface Sentences {
  /** [batch, words, embedding], words at least the longest sentence's; what follows a sentence is not read. */
  readonly words: tf.Tensor3D;
  /** Words of each sentence, at least 1. */
  readonly lengths: ArrayLike<number>;
}

/** As many premises as hypotheses. */
export interface SentencePairs {
  readonly premises: Sentences;
  readonly hypotheses: Sentences;
}

/** Words of the longest sentence. */
export function longest({ lengths }: Sentences): number {
  return Math.max(...Array.from(lengths));
}

/** @throws RangeError where lengths and words do not fit. */
export function checkSentences(name: string, { words, lengths }: Sentences): void {
  const [batch, most] = words.shape;
  if (lengths.length !== batch) {
    throw new RangeError(
      `${name}.lengths has ${lengths.length} numbers; ${name}.words has ${batch} sentences.`,
    );
  }
  for (const length of Array.from(lengths)) {
    if (!(Number.isInteger(length) && length >= 1 && length <= most)) {
      throw new RangeError(
        `${name}.lengths has ${length}; it must be a whole number from 1 to ${most}, the words in ${name}.words.`,
      );
    }
  }
}

/** The weights of an LSTM in one direction; gates in the order input, forget, candidate, output. */
export interface LstmWeights<Tensor extends tf.Tensor = tf.Tensor> {
  /** [embedding, 4 units] */
  readonly kernel: Tensor;
  /** [units, 4 units] */
  readonly recurrentKernel: Tensor;
  /** Both [4 units]; they are added, and each is trained. */
  readonly bias: Tensor;
  readonly recurrentBias: Tensor;
}

/** Over the words as they are read, and from a sentence's last word to its first. */
export interface BidirectionalWeights<Tensor extends tf.Tensor = tf.Tensor> {
  readonly forward: LstmWeights<Tensor>;
  readonly backward: LstmWeights<Tensor>;
}
