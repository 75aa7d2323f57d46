import type { TopLevelSpec } from 'vega-lite';

import { drawSvg } from './svg.js';

export const chartColor = '#1f5fa8';
export const chartWidth = 640;

/** Ticks of a logarithmic axis: these factors times every power of ten that a loss or a step size can have. */
function logarithmicTicks(factors: readonly number[]): number[] {
  return Array.from({ length: 24 }, (_, index) => index - 12).flatMap((exponent) =>
    factors.map((factor) => Number(`${factor}e${exponent}`)),
  );
}

/**
 * A logarithmic scale from one tick to another, so that both ends are labelled however close the values
 * lie together, and the lowest of them does not look like 0.
 */
function logarithmicScale(values: readonly number[], ticks: readonly number[]) {
  // Not of arguments: they are as many as steps.
  const least = values.reduce((a, b) => Math.min(a, b), Infinity);
  const most = values.reduce((a, b) => Math.max(a, b), 0);
  const from = ticks.findLast((tick) => tick <= least) ?? least;
  const to = ticks.find((tick) => tick >= most && tick > from) ?? most;
  return { type: 'log' as const, nice: false, ...(values.length > 0 && { domain: [from, to] }) };
}

/** The scale of a panel's values. */
export type ChartScale =
  { readonly type: 'log' } | { readonly type: 'linear'; readonly zero: boolean };

/** Over so many steps before and after itself a step's mean is taken. */
export function meanHalfWidth(steps: number): number {
  return Math.ceil(steps / 80);
}

/** The axis of a panel's steps. */
export function stepAxis(steps: number, title: string | null) {
  return {
    field: 'step',
    type: 'quantitative' as const,
    scale: { domain: [0, steps], nice: false },
    axis: { title, grid: false },
  };
}

/** What {@link valuesAndMean} draws. */
export interface ValuesPanel<Field extends string> {
  readonly field: Field;
  readonly records: readonly (Readonly<Record<Field, number>> & { readonly step: number })[];
  readonly title: string;
  readonly axisTitle: string;
  readonly scale: ChartScale;
  /** Title of the axis of the steps, or null where another panel below has it. */
  readonly stepTitle: string | null;
  /** The factors of powers of ten that a logarithmic axis has ticks at. Default: 1, 2 and 5. */
  readonly tickFactors?: readonly number[];
}

/** A panel of one value over the steps: single steps thin and pale, their moving mean strong. */
export function valuesAndMean<const Field extends string>(panel: ValuesPanel<Field>) {
  const { field, records, title, axisTitle, scale, stepTitle, tickFactors = [1, 2, 5] } = panel;
  const halfWidth = meanHalfWidth(records.length);
  const isLogarithmic = scale.type === 'log';
  // A loss of exactly 0, or one that is infinite, has no place on a logarithmic axis.
  const drawn = records.filter(
    (record) => !isLogarithmic || (record[field] > 0 && record[field] < Infinity),
  );
  const ticks = logarithmicTicks(tickFactors);
  return {
    width: chartWidth,
    height: 160,
    title: isLogarithmic ? `${title}, logarithmic` : title,
    data: {
      values: drawn.map((record) => ({ step: record.step, [field]: record[field] })),
    },
    transform: [
      {
        window: [{ op: 'mean' as const, field, as: 'mean' }],
        frame: [-halfWidth, halfWidth] as [number, number],
      },
    ],
    encoding: { x: stepAxis(records.length, stepTitle) },
    layer: [
      {
        mark: { type: 'line' as const, strokeWidth: 0.7, opacity: 0.4, color: chartColor },
        encoding: {
          y: {
            field,
            type: 'quantitative' as const,
            scale: isLogarithmic
              ? logarithmicScale(
                  drawn.map((record) => record[field]),
                  ticks,
                )
              : scale,
            axis: {
              title: axisTitle,
              ...(isLogarithmic ? { values: ticks, format: '~g' } : { tickCount: 5 }),
            },
          },
        },
      },
      {
        mark: { type: 'line' as const, strokeWidth: 2, color: chartColor },
        encoding: { y: { field: 'mean', type: 'quantitative' as const } },
      },
    ],
  };
}

/** A title, lines under it, and panels one above the other, as SVG. */
export async function drawPanels(
  title: string,
  subtitle: readonly string[],
  panels: Extract<TopLevelSpec, { vconcat: unknown }>['vconcat'],
): Promise<string> {
  return drawSvg({
    title: { text: title, frame: 'bounds', subtitle: [...subtitle], offset: 20 },
    spacing: 24,
    vconcat: panels,
    // Axes of equal width keep the panels in line.
    config: { axisY: { minExtent: 44 } },
  });
}
