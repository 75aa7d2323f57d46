import type { TopLevelSpec } from 'vega-lite';

import { derivative, objective } from './objective.js';

/** What one panel shows. */
export interface PolyakSteps {
  /** f*. */
  readonly minimum: number;
  /** w_0, w_1, ... */
  readonly iterates: readonly number[];
}

const shownSteps = 3;
const left = -1.2;
const right = 2.3;
const top = 6;
const functionColor = '#222';
const stepColor = '#1f5fa8';
const planeColor = '#c0392b';

function panel({ minimum, iterates }: PolyakSteps) {
  const count = 120;
  const curve = Array.from({ length: count + 1 }, (_, index) => {
    const w = left + ((right - left) * index) / count;
    return { w, z: objective(w, minimum) };
  });
  const points = iterates.slice(0, shownSteps + 1).map((w, step) => ({
    w,
    z: objective(w, minimum),
    label: `w${'₀₁₂₃'[step] ?? ''}`,
  }));
  const tangents = points.slice(0, shownSteps).map(({ w, z }) => ({
    w,
    z,
    end: w - (z - minimum) / derivative(w),
    height: minimum,
  }));
  // From where a tangent lands up to the function: the next iterate.
  const lifts = points.slice(1).map(({ w, z }) => ({ w, z, height: minimum }));
  const w = { field: 'w', type: 'quantitative' as const, scale: { domain: [left, right] } };
  const z = { field: 'z', type: 'quantitative' as const, scale: { domain: [0, top] } };
  return {
    width: 340,
    height: 300,
    title:
      minimum === 0 ? 'f* = 0: the Newton-Raphson steps' : `f* = ${minimum}: to the plane z = f*`,
    encoding: {
      x: { ...w, axis: { title: 'Parameter w', tickCount: 6, grid: false } },
      y: { ...z, axis: { title: 'Objective f(w)', tickCount: 6, grid: false } },
    },
    layer: [
      {
        data: { values: [{ w: left, z: minimum, end: right }] },
        mark: { type: 'rule' as const, color: planeColor, strokeWidth: 1.5, strokeDash: [5, 4] },
        encoding: { x2: { field: 'end' } },
      },
      {
        data: { values: [{ w: right, z: minimum }] },
        mark: {
          type: 'text' as const,
          text: 'z = f*',
          color: planeColor,
          align: 'right' as const,
          dx: -4,
          dy: -9,
          fontSize: 12,
        },
      },
      {
        data: { values: curve },
        mark: { type: 'line' as const, color: functionColor, strokeWidth: 2, clip: true },
      },
      {
        data: { values: tangents },
        mark: { type: 'rule' as const, color: stepColor, strokeWidth: 1.5 },
        encoding: { x2: { field: 'end' }, y2: { field: 'height' } },
      },
      {
        data: { values: lifts },
        mark: { type: 'rule' as const, color: '#999', strokeDash: [2, 3] },
        encoding: { y2: { field: 'height' } },
      },
      {
        data: { values: points },
        mark: { type: 'point' as const, filled: true, size: 60, opacity: 1, color: stepColor },
      },
      {
        data: { values: points },
        mark: {
          type: 'text' as const,
          align: 'right' as const,
          dx: -8,
          dy: -6,
          fontSize: 13,
          color: stepColor,
        },
        encoding: { text: { field: 'label', type: 'nominal' as const } },
      },
    ],
  };
}

/** Function, tangents and iterates, a panel for each minimum. */
export function drawPolyakSteps(panels: readonly PolyakSteps[]): TopLevelSpec {
  return {
    title: {
      frame: 'bounds',
      text: 'The Polyak step in one dimension',
      subtitle:
        'f(w) = exp(w) - w - 1 + f*: each step goes where the tangent meets the plane z = f*',
    },
    spacing: 36,
    hconcat: panels.map(panel),
  };
}
