/**
 * Reads what test/golden-models recorded from the published models (see FORMAT.md there) and
 * compares by its rules.
 */
import * as tf from '@tensorflow/tfjs-node';
import { readdirSync, readFileSync } from 'node:fs';

import { decode } from './golden-comparison.js';

// Compiled tests lie in dist/test/support; the recorded files stay where they are.
const folder = new URL('../../../test/golden-models/', import.meta.url);

interface StoredArray {
  readonly shape: number[];
  readonly dtype: 'float32' | 'int32';
  readonly data: string;
}

interface GeneratedArray {
  readonly shape: number[];
  readonly gen: { readonly seed: number; readonly scale: number };
}

type RecordedArray = StoredArray | GeneratedArray;
type RecordedArrays = Readonly<Record<string, RecordedArray>>;

/** A case of test/golden-models. */
export interface RecordedModel {
  readonly id: string;
  readonly kind: string;
  readonly config: Readonly<Record<string, number>>;
  readonly params: RecordedArrays;
  readonly inputs: RecordedArrays;
  readonly expected: RecordedArrays;
  readonly tolerance: Readonly<Record<string, { readonly atol: number; readonly rtol?: number }>>;
  readonly slot_dependent?: readonly string[];
  readonly n_params?: number;
}

/** All recorded cases of one kind. */
export function recordedModels(kind: string): RecordedModel[] {
  const models = readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .map((file) => JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as RecordedModel)
    .filter((model) => model.kind === kind);
  if (models.length === 0) throw new Error(`No recorded case is of the kind ${kind}.`);
  return models;
}

function generate({ shape, gen: { seed, scale } }: GeneratedArray): Float32Array {
  const length = shape.reduce((product, size) => product * size, 1);
  return Float32Array.from({ length }, (_, index) => {
    let x = (Math.imul(index, 0x9e3779b1) + Math.imul(seed, 0x85ebca77)) >>> 0;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    x = (x ^ (x >>> 16)) >>> 0;
    return (((x >>> 8) - 2 ** 23) / 2 ** 23) * scale;
  });
}

/** The numbers of a recorded array. */
export function valuesOf(arrays: RecordedArrays, name: string): Float32Array | Int32Array {
  const array = arrays[name];
  if (!array) throw new Error(`No array has the name ${name}.`);
  if ('gen' in array) return generate(array);
  const values = decode(array.data);
  return array.dtype === 'int32' ? new Int32Array(values.buffer) : values;
}

/** A recorded array as a tensor. */
export function tensorOf(arrays: RecordedArrays, name: string): tf.Tensor {
  return tf.tensor(valuesOf(arrays, name), arrays[name]!.shape);
}

/**
 * The largest of |computed - expected| / tolerance over all elements: a case passes where it is at
 * most 1, and not where it is NaN.
 */
export function shareOfTolerance(
  model: RecordedModel,
  name: string,
  computed: ArrayLike<number>,
): number {
  const expected = valuesOf(model.expected, name);
  if (computed.length !== expected.length) return NaN;
  const { atol, rtol = 0 } = model.tolerance[name]!;
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    const share = Math.abs(computed[i]! - expected[i]!) / (atol + rtol * Math.abs(expected[i]!));
    if (!(share <= worst)) worst = share;
    if (Number.isNaN(worst)) return NaN;
  }
  return worst;
}
