import { elementsOf, networkShapes, splitShape, uniformShape, type Shape } from './shapes.js';

/** One comparison: the tensors and how the step goes over them. */
export interface Case {
  readonly shape: Shape;
  readonly threads: number;
  readonly momentum: number;
  /** Whether every step ends outside of the ball and is projected, or there is none. */
  readonly projecting: boolean;
}

export function caseName({ shape, threads, momentum, projecting }: Case): string {
  return (
    `${shape.name}, ${threads} thread${threads === 1 ? '' : 's'}, momentum ${momentum}, ` +
    (projecting ? 'projection' : 'no projection')
  );
}

const parameterCounts = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8];
const tensorCounts = [1, 20, 160, 2000];

/** A small network whose tensors fit in a core's cache, and two that need the memory. */
const regimeShapes = [
  uniformShape(160, 1_000),
  uniformShape(160, 160_000),
  uniformShape(1, 25_600_000),
];

/** For --quick: that it works, not how fast. */
const quickShapes = [uniformShape(20, 500), uniformShape(4, 40_000)];

/** Every regime of a shape: threads, momentum and projection. */
function regimes(shape: Shape, threads: number): Case[] {
  return [...new Set([1, threads])].flatMap((count) =>
    [0.9, 0].flatMap((momentum) =>
      [false, true].map((projecting) => ({ shape, threads: count, momentum, projecting })),
    ),
  );
}

/** The cases that are measured, the small ones first. */
export function standardCases(threads: number): Case[] {
  const grid = parameterCounts.flatMap((parameters) =>
    tensorCounts
      .filter((tensors) => tensors <= parameters)
      .map((tensors) => splitShape(parameters, tensors)),
  );
  const cases = [
    ...grid.map((shape) => ({ shape, threads, momentum: 0.9, projecting: false })),
    ...networkShapes.flatMap((shape) =>
      [false, true].map((projecting) => ({ shape, threads, momentum: 0.9, projecting })),
    ),
    ...regimeShapes.flatMap((shape) => regimes(shape, threads)),
  ];
  return cases.toSorted((a, b) => elementsOf(a.shape) - elementsOf(b.shape));
}

export function quickCases(threads: number): Case[] {
  return quickShapes.map((shape, i) => ({
    shape,
    threads,
    momentum: i === 0 ? 0.9 : 0,
    projecting: i === 0,
  }));
}

/** With momentum, without and with projection. */
export function casesOf(shapes: readonly Shape[], threads: number): Case[] {
  return shapes.flatMap((shape) =>
    [false, true].map((projecting) => ({ shape, threads, momentum: 0.9, projecting })),
  );
}
