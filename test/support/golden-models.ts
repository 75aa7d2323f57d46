/** Reads the recorded values of test/golden-models (see FORMAT.md there). */
import { readdirSync, readFileSync } from 'node:fs';

/** A recorded array. */
export interface RecordedArray {
  readonly shape: number[];
  readonly dtype: 'float32' | 'int32';
  readonly data: string;
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

/** The values of a recorded array. */
export function decodeRecorded({ dtype, data }: RecordedArray): Float32Array | Int32Array {
  const { buffer } = Uint8Array.from(Buffer.from(data, 'base64'));
  return dtype === 'float32' ? new Float32Array(buffer) : new Int32Array(buffer);
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
