import { floorName, momentumName, plainName } from './contenders.js';
import type { Machine } from './machine.js';
import type { Shape } from './workload.js';

/** Times of one contender; ratios are medians over rounds of the ratio within a round. */
export interface Result {
  readonly name: string;
  readonly engine: string | null;
  /** One a round, in order. */
  readonly milliseconds: readonly number[];
  readonly median: number;
  readonly minimum: number;
  readonly maximum: number;
  /** At the counted bytes: those that a fused step has to move, whoever makes it. */
  readonly gigabytesPerSecond: number;
  /** Time as a multiple of the floor's. */
  readonly ratioToFloor: number;
  /** How many times faster than ALI-G in plain tfjs ops. */
  readonly fasterThanPlain: number;
  /** How many times faster than tf.train.momentum. */
  readonly fasterThanMomentum: number;
}

/** One shape with the ball inactive or active, measured in one interleaved run. */
export interface Comparison {
  readonly shape: Shape;
  readonly ballActive: boolean;
  readonly elements: number;
  readonly bytesPerElement: number;
  readonly results: readonly Result[];
}

export interface Results {
  readonly machine: Machine;
  readonly comparisons: readonly Comparison[];
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Makes a result of a contender's times and those of all contenders of the same rounds. */
export function summarise(
  contender: { readonly name: string; readonly engine: string | null },
  bytes: number,
  times: ReadonlyMap<string, readonly number[]>,
): Result {
  const milliseconds = times.get(contender.name)!;
  const ratioOf = (dividend: readonly number[], divisor: readonly number[]) =>
    median(dividend.map((value, round) => value / divisor[round]!));
  const middle = median(milliseconds);
  return {
    name: contender.name,
    engine: contender.engine,
    milliseconds,
    median: middle,
    minimum: Math.min(...milliseconds),
    maximum: Math.max(...milliseconds),
    gigabytesPerSecond: bytes / middle / 1e6,
    ratioToFloor: ratioOf(milliseconds, times.get(floorName)!),
    fasterThanPlain: ratioOf(times.get(plainName)!, milliseconds),
    fasterThanMomentum: ratioOf(times.get(momentumName)!, milliseconds),
  };
}

/** Three significant digits. */
function digits(value: number): string {
  const decimals = Math.min(3, Math.max(0, 2 - Math.floor(Math.log10(value))));
  return value.toFixed(decimals);
}

const grouped = (count: number) => count.toLocaleString('en-US');

function comparisonTable({ shape, ballActive, bytesPerElement, results }: Comparison): string {
  const rows = results.map((result) => {
    const isMemory = result.name.startsWith('memory');
    const cells = [
      result.name,
      digits(result.median),
      `${digits(result.minimum)}..${digits(result.maximum)}`,
      digits(result.gigabytesPerSecond),
      ...(isMemory
        ? ['', '', '']
        : [result.ratioToFloor, result.fasterThanPlain, result.fasterThanMomentum].map(digits)),
    ];
    return `| ${cells.join(' | ')} |`;
  });
  const { tensors, elementsPerTensor } = shape;
  return [
    `### ${grouped(tensors)} x ${grouped(elementsPerTensor)}, ball ${ballActive ? 'active' : 'inactive'} ` +
      `(${bytesPerElement} bytes a parameter, ${results[0]!.milliseconds.length} rounds)`,
    '',
    '| | median ms | range ms | GB/s | x floor | faster than plain ops | faster than momentum |',
    '| --- | --: | --: | --: | --: | --: | --: |',
    ...rows,
  ].join('\n');
}

/** The results as Markdown. */
export function markdown({ machine, comparisons }: Results): string {
  const { versions } = machine;
  const cacheText = machine.caches
    .map(({ level, type, size }) => `L${level} ${type.toLowerCase()} ${size}`)
    .join(', ');
  return [
    `${machine.processor}, ${machine.processors} processors (${cacheText || 'caches unknown'}), ` +
      `governor ${machine.governor ?? 'unknown'}, ${machine.memoryGibibytes} GiB; ` +
      `${machine.threads} threads, ${machine.instructionSet}; Node ${versions['node']}, ` +
      `TensorFlow.js ${versions['tfjs-core']}, TensorFlow ${versions['tensorflow']}, ` +
      `tfjs-alig ${versions['tfjs-alig']} at ${machine.commit?.slice(0, 12) ?? 'an unknown commit'}; ` +
      `${machine.date.slice(0, 10)}, load before the run ${machine.loadBefore.toFixed(1)}.`,
    ...comparisons.map(comparisonTable),
  ].join('\n\n');
}

const begin = '<!-- step benchmark: begin -->';
const end = '<!-- step benchmark: end -->';

/** Replaces what stands between the two markers of docs/benchmarks.md. */
export function withTable(document: string, table: string): string {
  const from = document.indexOf(begin);
  const to = document.indexOf(end);
  if (from < 0 || to < from) throw new Error(`the document lacks '${begin}' or '${end}' after it`);
  return `${document.slice(0, from)}${begin}\n\n${table}\n\n${document.slice(to)}`;
}
