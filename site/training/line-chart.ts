/** Charts of lines, by uPlot. */
import uPlot from 'uplot';

export interface Line {
  readonly title: string;
  readonly color: string;
  /** Points alone, without a line between them. */
  readonly points?: boolean;
  readonly dashed?: boolean;
}

export interface ChartOptions {
  readonly title: string;
  readonly lines: readonly Line[];
  readonly axes: readonly [horizontal: string, vertical: string];
  readonly logarithmic?: boolean;
  readonly height?: number;
}

/**
 * Whole powers of ten. uPlot gives up on an axis of many of them, as losses near the smallest numbers or
 * of a training that diverges would have it.
 */
function logarithmicRange(
  _: uPlot,
  least: number | null,
  largest: number | null,
): [number, number] {
  const exponent = (value: number) => Math.max(-12, Math.min(12, value));
  const low = exponent(Math.floor(Math.log10(least ?? 1)));
  const high = exponent(Math.ceil(Math.log10(largest ?? 1)));
  return [10 ** low, 10 ** Math.max(high, low + 1)];
}

/** A chart as wide as the element that it is put in. */
export function lineChart(
  place: HTMLElement,
  { title, lines, axes, logarithmic = false, height = 260 }: ChartOptions,
): uPlot {
  const width = () => Math.max(280, place.clientWidth);
  const chart = new uPlot(
    {
      title,
      width: width(),
      height,
      scales: {
        x: { time: false },
        // 3 is uPlot.Scale.Distr.Logarithmic, a `const enum` that code of single modules cannot name.
        // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment
        ...(logarithmic && { y: { distr: 3 as const, range: logarithmicRange } }),
      },
      axes: axes.map((label) => ({ label, stroke: 'gray', grid: { stroke: '#8883' } })),
      cursor: { drag: { x: false, y: false } },
      series: [
        {},
        ...lines.map(({ title: label, color, points = false, dashed = false }) => ({
          label,
          stroke: color,
          width: 2,
          spanGaps: !points,
          points: { show: points, size: 9, fill: color },
          ...(points && { paths: () => null }),
          ...(dashed && { dash: [6, 5] }),
        })),
      ],
    },
    [[], ...lines.map(() => [])],
    place,
  );
  new ResizeObserver(() => {
    chart.setSize({ width: width(), height });
  }).observe(place);
  return chart;
}
