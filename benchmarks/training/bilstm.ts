import * as tf from '@tensorflow/tfjs-node';

export interface SentencePairSizes {
  readonly words: number;
  /** Of a word. */
  readonly embedding: number;
  /** Of the LSTM, in one direction. */
  readonly units: number;
  /** Of the classifier. */
  readonly hidden: number;
}

/** u, v, |u - v| and u * v, one after the other. */
class PairFeatures extends tf.layers.Layer {
  /** @nocollapse */
  static readonly className = 'PairFeatures';

  override computeOutputShape(shapes: tf.Shape[]): tf.Shape {
    return [shapes[0]![0]!, 4 * shapes[0]![1]!];
  }

  override call(inputs: tf.Tensor[]): tf.Tensor {
    const [u, v] = inputs as [tf.Tensor2D, tf.Tensor2D];
    return tf.tidy(() => tf.concat([u, v, tf.abs(tf.sub(u, v)), tf.mul(u, v)], 1));
  }
}

/**
 * A bidirectional LSTM with maximum pooling as the encoder of both sentences, and a linear
 * classifier of 3 classes. With 2,048 units, words of 300 numbers and 512 hidden units it has
 * 47,139,331 parameters: the published network's, but for its second bias of each gate, which Keras's
 * LSTM does not have.
 */
export function buildSentencePairClassifier(sizes: SentencePairSizes): tf.LayersModel {
  const { words, embedding, units, hidden } = sizes;
  const kernelInitializer = tf.initializers.glorotNormal({ seed: 1 });
  const lstm = tf.layers.bidirectional({
    // Orthogonal weights of 2,048 units would take minutes to make.
    layer: tf.layers.lstm({
      units,
      returnSequences: true,
      kernelInitializer,
      recurrentInitializer: kernelInitializer,
    }),
    mergeMode: 'concat',
  });
  const pooling = tf.layers.globalMaxPooling1d({});
  const sentences = [
    tf.input({ shape: [words, embedding] }),
    tf.input({ shape: [words, embedding] }),
  ];
  const encoded = sentences.map((sentence) => pooling.apply(lstm.apply(sentence)));
  let value = new PairFeatures().apply(encoded as tf.SymbolicTensor[]);
  for (const outputs of [hidden, hidden, 3]) {
    value = tf.layers.dense({ units: outputs, kernelInitializer }).apply(value);
  }
  return tf.model({ inputs: sentences, outputs: value as tf.SymbolicTensor });
}
