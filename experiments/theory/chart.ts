import type { TopLevelSpec } from 'vega-lite';

/** The worst ratio of a problem and setting after T steps. */
export interface RatioPoint {
  readonly problem: string;
  readonly setting: string;
  readonly step: number;
  readonly ratio: number;
}

/** What a figure shows. */
export interface RatioContent {
  readonly name: string;
  readonly statement: string;
  /** Whether a point is the worst single step since the point before. */
  readonly ofEachStep: boolean;
  readonly points: readonly RatioPoint[];
}

/** The powers of ten from 10^lowest to 1, at most about eight of them. */
function logarithmicTicks(lowest: number): number[] {
  const stride = Math.ceil(-lowest / 8);
  return Array.from({ length: Math.floor(-lowest / stride) + 1 }, (_, index) =>
    Number(`1e${-index * stride}`),
  );
}

/**
 * Measured / bound over the number of steps T, a panel a problem and a line a setting; the bound is
 * the line at 1.
 */
export function drawRatios({ name, statement, ofEachStep, points }: RatioContent): TopLevelSpec {
  const problems = [...new Set(points.map(({ problem }) => problem))];
  const settings = [...new Set(points.map(({ setting }) => setting))];
  const largestStep = Math.max(...points.map(({ step }) => step));
  // A ratio of exactly 0 has no place on a logarithmic axis.
  const values = ofEachStep ? points : points.filter(({ ratio }) => ratio > 0);
  const smallest = Math.min(0.1, ...values.map(({ ratio }) => ratio).filter((ratio) => ratio > 0));
  const lowest = Math.floor(Math.log10(smallest));
  const ticks = logarithmicTicks(lowest);
  const color = {
    field: 'setting',
    type: 'nominal' as const,
    sort: settings,
    scale: { scheme: 'dark2' as const },
    legend: { title: null },
  };
  return {
    title: { frame: 'bounds', text: `${name}: measured / bound`, subtitle: statement },
    spacing: 28,
    hconcat: problems.map((problem, index) => ({
      width: problems.length > 2 ? 220 : 300,
      height: 260,
      title: problem,
      layer: [
        {
          data: { values: [{ ratio: 1 }] },
          mark: { type: 'rule' as const, color: '#c0392b', strokeWidth: 1.5 },
          encoding: { y: { field: 'ratio', type: 'quantitative' as const } },
        },
        {
          data: { values: values.filter((point) => point.problem === problem) },
          mark: { type: 'line' as const, strokeWidth: 2 },
          encoding: {
            x: {
              field: 'step',
              type: 'quantitative' as const,
              scale: { type: 'log' as const, domain: [1, largestStep] },
              axis: {
                title: ofEachStep ? 'Step t (log scale)' : 'Steps T (log scale)',
                values: [1, 10, 100, 1000],
                format: '~g',
                grid: false,
              },
            },
            y: {
              field: 'ratio',
              type: 'quantitative' as const,
              scale: ofEachStep
                ? { type: 'linear' as const, domain: [0, 1.1] }
                : { type: 'log' as const, domain: [10 ** lowest, 2], nice: false },
              axis: {
                title:
                  index > 0
                    ? null
                    : ofEachStep
                      ? 'Measured / bound, worst step'
                      : 'Measured / bound (log scale)',
                ...(ofEachStep
                  ? { tickCount: 6 }
                  : { values: ticks, format: lowest < -3 ? '.0e' : '~g' }),
              },
            },
            color,
            // Where lines lie on each other, the dashes of one show the other.
            strokeDash: {
              ...color,
              scale: {
                range: [
                  [1, 0],
                  [8, 4],
                  [3, 3],
                  [10, 3, 2, 3],
                  [1, 2],
                  [6, 2, 6, 6],
                ],
              },
            },
          },
        },
      ],
    })),
  };
}
