import * as tf from '@tensorflow/tfjs-node';

export interface WideResNetSizes {
  /** Rows and columns of an image. */
  readonly size: number;
  readonly depth: number;
  readonly width: number;
}

function normalised(input: tf.SymbolicTensor): tf.SymbolicTensor {
  const normal = tf.layers.batchNormalization().apply(input);
  return tf.layers.activation({ activation: 'relu' }).apply(normal) as tf.SymbolicTensor;
}

function convolution(
  input: tf.SymbolicTensor,
  filters: number,
  kernelSize: number,
  strides: number,
): tf.SymbolicTensor {
  const layer = tf.layers.conv2d({
    filters,
    kernelSize,
    strides,
    padding: 'same',
    useBias: false,
    kernelInitializer: tf.initializers.heNormal({ seed: 1 }),
  });
  return layer.apply(input) as tf.SymbolicTensor;
}

/** A pre-activation block, whose shortcut is a convolution where the shape changes. */
function block(input: tf.SymbolicTensor, filters: number, strides: number): tf.SymbolicTensor {
  const active = normalised(input);
  const inner = normalised(convolution(active, filters, 3, strides));
  const shortcut =
    input.shape.at(-1) === filters ? input : convolution(active, filters, 1, strides);
  return tf.layers.add().apply([convolution(inner, filters, 3, 1), shortcut]) as tf.SymbolicTensor;
}

/** A wide residual network of 10 classes; WRN-16-4 has 2,748,890 trainable parameters. */
export function buildWideResNet({ size, depth, width }: WideResNetSizes): tf.LayersModel {
  const input = tf.input({ shape: [size, size, 3] });
  let value = convolution(input, 16, 3, 1);
  for (const [filters, strides] of [
    [16 * width, 1],
    [32 * width, 2],
    [64 * width, 2],
  ] as const) {
    for (let i = 0; i < (depth - 4) / 6; i++) value = block(value, filters, i === 0 ? strides : 1);
  }
  const pooled = tf.layers.globalAveragePooling2d({}).apply(normalised(value));
  const kernelInitializer = tf.initializers.glorotNormal({ seed: 1 });
  const outputs = tf.layers.dense({ units: 10, kernelInitializer }).apply(pooled);
  return tf.model({ inputs: input, outputs: outputs as tf.SymbolicTensor });
}
