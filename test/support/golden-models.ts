/** Reads the recorded values of test/golden-models (see FORMAT.md there). */
import { readdirSync, readFileSync } from 'node:fs';

/** A recorded array, or how it is generated. */
export interface RecordedArray {
  readonly shape: number[];
  readonly dtype: 'float32' | 'int32';
  readonly data?: string;
  readonly gen?: { readonly seed: number; readonly scale: number };
}

export interface GoldenModel {
  readonly id: string;
  readonly kind: string;
  readonly inputs: Readonly<Record<string, RecordedArray>>;
  readonly expected: Readonly<Record<string, RecordedArray>>;
  readonly tolerance: Readonly<Record<string, { readonly atol: number; readonly rtol?: number }>>;
  readonly row_tags: readonly string[];
}

// Compiled tests lie in dist/test/support; the recorded files stay where they are.
const folder = new URL('../../../test/golden-models/', import.meta.url);

export function readGoldenModel(id: string): GoldenModel {
  return JSON.parse(readFileSync(new URL(`${id}.json`, folder), 'utf8')) as GoldenModel;
}

/** A recorded network, which also has sizes and weights. */
export interface GoldenNetwork extends GoldenModel {
  readonly config: Readonly<Record<string, number>>;
  readonly params: Readonly<Record<string, RecordedArray>>;
  /** Running statistics. */
  readonly buffers?: Readonly<Record<string, RecordedArray>>;
  /** How many numbers the weights have in all. */
  readonly n_params: number;
  /** Arrays that another order of the memory's slots, as correct as the recorded one, changes. */
  readonly slot_dependent?: readonly string[];
}

/** All recorded networks, or parts of networks, of one kind. */
export function goldenNetworks(kind: string): GoldenNetwork[] {
  const networks = readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .map((file) => readGoldenModel(file.slice(0, -'.json'.length)) as GoldenNetwork)
    .filter((network) => network.kind === kind);
  if (networks.length === 0) throw new Error(`No recorded case is of the kind ${kind}.`);
  return networks;
}

/** Numbers from -scale to scale, as FORMAT.md generates them. */
function hashed(length: number, seed: number, scale: number): Float32Array {
  const start = Math.imul(seed, 0x85ebca77);
  return Float32Array.from({ length }, (_, i) => {
    let x = (Math.imul(i, 0x9e3779b1) + start) | 0;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    x ^= x >>> 16;
    return (((x >>> 8) - 2 ** 23) / 2 ** 23) * scale;
  });
}

/** The values of a recorded array. */
export function decodeRecorded({
  shape,
  dtype,
  data,
  gen,
}: RecordedArray): Float32Array | Int32Array {
  if (gen) {
    return hashed(
      shape.reduce((product, size) => product * size, 1),
      gen.seed,
      gen.scale,
    );
  }
  const { buffer } = Uint8Array.from(Buffer.from(data!, 'base64'));
  return dtype === 'float32' ? new Float32Array(buffer) : new Int32Array(buffer);
}

/**
 * What FORMAT.md records in place of a large array, by the end of its name: norm, product with
 * generated numbers, and some values.
 */
export function summaries(values: Float32Array): Readonly<Record<string, Float32Array>> {
  const factors = hashed(values.length, 777, 1);
  let [squares, product] = [0, 0];
  for (const [i, value] of values.entries()) {
    squares += value * value;
    product += value * factors[i]!;
  }
  const count = Math.min(64, values.length);
  return {
    '#norm': Float32Array.of(Math.sqrt(squares)),
    '#dot': Float32Array.of(product),
    '#first': values.subarray(0, count),
    '#strided': Float32Array.from(
      { length: count },
      (_, j) => values[Math.floor((j * values.length) / count)]!,
    ),
  };
}

/**
 * The largest of |got - expected| - (atol + rtol * |expected|) over all elements: at most 0 where the
 * array passes, positive or NaN where it does not.
 */
export function recordedExcess(model: GoldenModel, name: string, got: ArrayLike<number>): number {
  const expected = decodeRecorded(model.expected[name]!);
  const { atol, rtol = 0 } = model.tolerance[name]!;
  if (got.length !== expected.length) return Infinity;
  let worst = -Infinity;
  for (const [i, value] of expected.entries()) {
    const over = Math.abs(got[i]! - value) - (atol + rtol * Math.abs(value));
    // At once: no later comparison with NaN would keep it.
    if (Number.isNaN(over)) return NaN;
    if (over > worst) worst = over;
  }
  return worst;
}
