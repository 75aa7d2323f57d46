import {
  hostName,
  plainName,
  tensorFlowName,
  torchName,
  torchNormName,
} from '../contenders/list.js';
import type { CaseResult } from '../step/measure.js';
import type { StepResults } from '../step/run.js';
import { caseText, find, shareOfFloor, timesAsLong } from './case.js';
import { digits, table } from './markdown.js';

/** What a step should cost, and in which cases. */
interface Aim {
  readonly text: string;
  readonly wanted: number;
  readonly unit: string;
  /** Whether `wanted` is the least that a figure may be, or the most. */
  readonly bound: 'least' | 'most';
  readonly applies: (result: CaseResult) => boolean;
  /** Null where a contender did not take part. */
  readonly figure: (result: CaseResult) => number | null;
}

const microseconds = (name: string) => (result: CaseResult) => {
  const found = find(result, name);
  return found ? 1000 * found.median : null;
};

const percentOfFloor = (name: string) => (result: CaseResult) => {
  const found = find(result, name);
  return found ? 100 * shareOfFloor(found) : null;
};

const speedup = (other: string, ours: string) => (result: CaseResult) => {
  const [slow, fast] = [find(result, other), find(result, ours)];
  return slow && fast ? timesAsLong(slow, fast) : null;
};

/** Whose arrays are far beyond what a core has in its caches. */
const isLarge = ({ elements }: CaseResult) => elements >= 2e7;
const isOf = (tensors: number, elements: number) => (result: CaseResult) =>
  result.tensors === tensors && result.elements === elements;

const aims: readonly Aim[] = [
  {
    text: 'AliG through tfjs-node, 20 tensors of a small model',
    wanted: 150,
    unit: 'us',
    bound: 'most',
    applies: ({ tensors, elements }) => tensors === 20 && elements <= 1e5,
    figure: microseconds(tensorFlowName),
  },
  {
    text: 'AliG through tfjs-node, 160 tensors of a small model',
    wanted: 1000,
    unit: 'us',
    bound: 'most',
    applies: ({ tensors, elements }) => tensors === 160 && elements <= 2e5,
    figure: microseconds(tensorFlowName),
  },
  {
    text: 'Share of the floor in place, 20 million parameters and more',
    wanted: 90,
    unit: '%',
    bound: 'least',
    applies: isLarge,
    figure: percentOfFloor(hostName),
  },
  {
    text: 'Share of the floor through tfjs-node, 20 million parameters and more',
    wanted: 80,
    unit: '%',
    bound: 'least',
    applies: isLarge,
    figure: percentOfFloor(tensorFlowName),
  },
  {
    text: "PyTorch's fused SGD with the norm, beside fusedAliGStep",
    wanted: 1.3,
    unit: 'x',
    bound: 'least',
    applies: () => true,
    figure: speedup(torchNormName, hostName),
  },
  {
    text: "PyTorch's fused SGD without the norm, beside fusedAliGStep",
    wanted: 1,
    unit: 'x',
    bound: 'least',
    applies: ({ projecting }) => !projecting,
    figure: speedup(torchName, hostName),
  },
  {
    text: 'Plain TensorFlow.js ops beside AliG, 160 tensors of 1,000',
    wanted: 10,
    unit: 'x',
    bound: 'least',
    applies: isOf(160, 160_000),
    figure: speedup(plainName, tensorFlowName),
  },
  {
    text: 'Plain TensorFlow.js ops beside AliG, 160 tensors of 160,000',
    wanted: 5,
    unit: 'x',
    bound: 'least',
    applies: isOf(160, 25_600_000),
    figure: speedup(plainName, tensorFlowName),
  },
];

function row(
  { text, wanted, unit, bound, applies, figure }: Aim,
  cases: readonly CaseResult[],
): string[] {
  const figures = cases.filter(applies).flatMap((result) => {
    const value = figure(result);
    return value === null ? [] : [{ result, value }];
  });
  if (figures.length === 0) return [text, '', 'not measured', '', '', ''];
  const sign = bound === 'least' ? 1 : -1;
  figures.sort((a, b) => sign * (a.value - b.value));
  const [worst, best] = [figures[0]!, figures.at(-1)!];
  const reached = figures.filter(({ value }) => sign * (value - wanted) >= 0);
  return [
    text,
    `at ${bound} ${wanted} ${unit}`,
    `${reached.length} of ${figures.length}`,
    `${digits(best.value)} ${unit}`,
    `${digits(worst.value)} ${unit}`,
    figures.length === 1 ? '' : caseText(worst.result),
  ];
}

/** What this package wants a step to cost, and what it costs. */
export function aimsSection({ cases }: StepResults): string {
  return table(
    ['', 'aim', 'reached in cases', '>best', '>worst', 'worst case'],
    aims.map((aim) => row(aim, cases)),
  );
}
