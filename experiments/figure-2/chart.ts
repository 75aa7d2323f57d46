import type { TopLevelSpec } from 'vega-lite';

import { objective, tolerance } from './objective.js';

const polyakColor = '#c0392b';
const aligColor = '#1f5fa8';

/** The iterates w_0, w_1, ... of a method. */
export interface Trajectory {
  readonly label: string;
  readonly iterates: readonly number[];
}

function methodPanel(title: string, color: string, iterates: readonly number[]) {
  const curve = Array.from({ length: 241 }, (_, index) => {
    const w = -3 + index / 40;
    return { w, z: objective(w) };
  });
  const points = iterates.map((w, step) => ({ w, z: objective(w), step }));
  return {
    width: 340,
    height: 260,
    title,
    encoding: {
      x: {
        field: 'w',
        type: 'quantitative' as const,
        scale: { domain: [-3, 3] },
        axis: { title: 'Parameter w', tickCount: 7, grid: false },
      },
      y: {
        field: 'z',
        type: 'quantitative' as const,
        scale: { domain: [0, 2] },
        axis: { title: 'Objective f(w)', tickCount: 5, grid: false },
      },
    },
    layer: [
      {
        data: { values: curve },
        mark: { type: 'line' as const, color: '#222', strokeWidth: 2 },
      },
      {
        data: { values: points },
        mark: { type: 'line' as const, color, strokeWidth: 1, opacity: 0.7, strokeDash: [4, 3] },
        encoding: { order: { field: 'step', type: 'quantitative' as const } },
      },
      {
        data: { values: points },
        mark: { type: 'point' as const, filled: true, size: 45, opacity: 0.9, color },
      },
      {
        data: { values: points.slice(0, 1) },
        mark: { type: 'text' as const, text: 'w₀', dx: -14, dy: -8, fontSize: 13, color },
      },
    ],
  };
}

/** The objective with the iterates of the Polyak step and of ALI-G with maximal learning rate 1. */
export function drawObjective(polyak: readonly number[], alig: readonly number[]): TopLevelSpec {
  return {
    title: {
      frame: 'bounds',
      text: 'A non-convex function on which the Polyak step oscillates',
      subtitle: 'All iterates from w₀ = 2.5; dashed lines lead from each to the next',
    },
    spacing: 36,
    hconcat: [
      methodPanel('Polyak step: between w = ±1.983', polyakColor, polyak),
      methodPanel('ALI-G, η = 1: converges to w = 0', aligColor, alig),
    ],
  };
}

const distanceAxis = (title: string) => ({
  field: 'distance',
  type: 'quantitative' as const,
  scale: { type: 'log' as const, domain: [tolerance / 10, 10], clamp: true },
  axis: {
    title,
    values: [1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 10],
    format: '.0e',
    labelExpr: "replace(datum.label, '+', '')",
  },
});

/** The distance from the minimum over the steps, a line a method. */
export function drawTrajectories(trajectories: readonly Trajectory[]): TopLevelSpec {
  const values = trajectories.flatMap(({ label, iterates }) =>
    iterates.map((w, step) => ({ label, step, distance: Math.abs(w) })),
  );
  return {
    title: {
      frame: 'bounds',
      text: 'Distance from the minimum',
      subtitle: `η: maximal learning rate; runs end where |w| < ${tolerance.toExponential()}`,
    },
    width: 520,
    height: 280,
    data: { values },
    mark: { type: 'line', strokeWidth: 2 },
    encoding: {
      x: {
        field: 'step',
        type: 'quantitative',
        scale: { domain: [0, 60] },
        axis: { title: 'Step t', grid: false },
      },
      y: distanceAxis('Distance |w| (log scale)'),
      color: {
        field: 'label',
        type: 'nominal',
        sort: trajectories.map(({ label }) => label),
        scale: { range: [polyakColor, '#9ecae1', '#4292c6', '#08306b', '#f39c12'] },
        legend: { title: null },
      },
      strokeDash: {
        field: 'label',
        type: 'nominal',
        sort: trajectories.map(({ label }) => label),
        // The two that oscillate lie on each other.
        scale: {
          range: [
            [1, 0],
            [1, 0],
            [1, 0],
            [1, 0],
            [4, 4],
          ],
        },
        legend: { title: null },
      },
    },
  };
}

/** Where ALI-G ends for each maximal learning rate. */
export function drawRates(
  sweep: readonly {
    readonly maxLearningRate: number;
    readonly converged: boolean;
    readonly distance: number;
  }[],
  limit: number,
): TopLevelSpec {
  const values = sweep.map(({ maxLearningRate, converged, distance }) => ({
    maxLearningRate,
    distance: Math.max(distance, tolerance / 10),
    result: converged ? 'converges' : 'oscillates',
  }));
  const width = 520;
  return {
    title: {
      frame: 'bounds',
      text: 'Where ALI-G ends, by its maximal learning rate',
      subtitle: `Largest rate that converges, by bisection: η = ${limit.toPrecision(6)}`,
    },
    width,
    height: 280,
    layer: [
      {
        data: { values: [{ maxLearningRate: limit }] },
        mark: { type: 'rule', color: '#999', strokeDash: [4, 4] },
        encoding: { x: { field: 'maxLearningRate', type: 'quantitative' } },
      },
      {
        data: { values },
        mark: { type: 'point', filled: true, size: 36, opacity: 1 },
        encoding: {
          x: {
            field: 'maxLearningRate',
            type: 'quantitative',
            scale: { type: 'log', domain: [0.01, 1000] },
            axis: {
              title: 'Maximal learning rate η (log scale)',
              values: [0.01, 0.1, 1, 10, 100, 1000],
              format: '~g',
              grid: false,
            },
          },
          y: distanceAxis('Last distance |w| (log scale)'),
          color: {
            field: 'result',
            type: 'nominal',
            scale: { domain: ['converges', 'oscillates'], range: [aligColor, polyakColor] },
            legend: { title: null },
          },
        },
      },
    ],
  };
}
