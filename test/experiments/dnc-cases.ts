/** What the tests of the DNC share: recorded cases as the experiment's own types. */
import * as tf from '@tensorflow/tfjs-node';
import type { ExecutionContext } from 'ava';

import type { DncParameters } from '../../experiments/dnc/parameters.js';
import type { SequenceBatch } from '../../experiments/dnc/repeat-copy.js';
import type { DncSizes } from '../../experiments/dnc/sizes.js';
import {
  type RecordedModel,
  shareOfTolerance,
  tensorOf,
  valuesOf,
} from '../support/golden-models.js';

const prefix = 'dnc/';

/** The sizes of a recorded model. */
export function sizesOf({ config }: RecordedModel): DncSizes {
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
export function parametersOf({ params }: RecordedModel): DncParameters {
  return Object.fromEntries(
    Object.keys(params).map((name) => [name.slice(prefix.length), tensorOf(params, name)]),
  ) as DncParameters;
}

/** The recorded sequences. */
export function batchOf({ config, inputs }: RecordedModel): SequenceBatch {
  const floats = (name: string) => Float32Array.from(valuesOf(inputs, name));
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
  model: RecordedModel,
  name: string,
  computed: tf.Tensor | ArrayLike<number>,
): void {
  const values = computed instanceof tf.Tensor ? computed.dataSync() : computed;
  const share = shareOfTolerance(model, name, values);
  t.true(share <= 1, `${model.id} ${name}: ${share} of the tolerance`);
}
