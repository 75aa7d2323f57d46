/** What the tests of the DNC share: recorded cases as the experiment's own types. */
import * as tf from '@tensorflow/tfjs-node';
import type { ExecutionContext } from 'ava';

import type { DncParameters } from '../../experiments/dnc/parameters.js';
import type { SequenceBatch } from '../../experiments/dnc/repeat-copy.js';
import type { DncSizes } from '../../experiments/dnc/sizes.js';
import { decodeRecorded, type GoldenNetwork, recordedExcess } from '../support/golden-models.js';

const prefix = 'dnc/';

/** An input of a recorded case. */
export function inputOf({ inputs }: GoldenNetwork, name: string): tf.Tensor {
  const recorded = inputs[name];
  if (!recorded) throw new Error(`No input has the name ${name}.`);
  return tf.tensor(decodeRecorded(recorded), recorded.shape);
}

/** The sizes of a recorded model. */
export function sizesOf({ config }: GoldenNetwork): DncSizes {
  return {
    inputSize: config['input_size']!,
    outputSize: config['output_size']!,
    hiddenSize: config['hidden_size']!,
    memorySize: config['memory_size']!,
    wordSize: config['word_size']!,
    readHeads: config['num_reads']!,
    writeHeads: config['num_writes']!,
    clipValue: config['clip_value']!,
  };
}

/** The recorded weights. */
export function parametersOf({ params }: GoldenNetwork): DncParameters {
  return Object.fromEntries(
    Object.entries(params).map(([name, recorded]) => [
      name.slice(prefix.length),
      tf.tensor(decodeRecorded(recorded), recorded.shape),
    ]),
  ) as DncParameters;
}

/** The recorded sequences. */
export function batchOf({ config, inputs }: GoldenNetwork): SequenceBatch {
  const floats = (name: string) => Float32Array.from(decodeRecorded(inputs[name]!));
  return {
    batchSize: config['batch']!,
    steps: config['steps']!,
    observations: floats('observations'),
    targets: floats('target'),
    mask: floats('mask'),
  };
}

/** Fails where an array is not within the recorded tolerance. */
export function assertWithin(
  t: ExecutionContext,
  model: GoldenNetwork,
  name: string,
  computed: tf.Tensor | ArrayLike<number>,
): void {
  const values = computed instanceof tf.Tensor ? computed.dataSync() : computed;
  const excess = recordedExcess(model, name, values);
  t.true(excess <= 0, `${model.id} ${name}: ${excess} more than the tolerance`);
}
