import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';

import type { StepRecord } from './run-log.js';
import type { EpochEvent } from './train.js';

/** What a chart shows. */
export interface ChartContent {
  /** Lines under the title. */
  readonly subtitle: readonly string[];
  readonly batchSize: number;
  readonly steps: readonly StepRecord[];
  readonly epochs: readonly EpochEvent[];
}

const color = '#1f5fa8';
const width = 640;

/** Where a logarithmic axis has its ticks: 1, 2 and 5 times every power of ten that a loss can have. */
const logarithmicTicks = Array.from({ length: 12 }, (_, index) => index - 8).flatMap((exponent) =>
  [1, 2, 5].map((factor) => Number(`${factor}e${exponent}`)),
);

/**
 * Curves of a training run as SVG: loss, step size and test accuracy over the steps. Values of
 * single steps are thin and pale, their moving mean is strong.
 */
export async function drawChart(content: ChartContent): Promise<string> {
  const { steps, epochs } = content;
  const lastStepOfEpoch = new Map(steps.map(({ epoch, step }) => [epoch, step]));
  const accuracies = epochs.map(({ epoch, testAccuracy }) => ({
    step: lastStepOfEpoch.get(epoch) ?? 0,
    accuracy: 100 * testAccuracy,
  }));
  const meanHalfWidth = Math.ceil(steps.length / 80);

  const stepAxis = (title: string | null) => ({
    field: 'step',
    type: 'quantitative' as const,
    scale: { domain: [0, steps.length], nice: false },
    axis: { title, grid: false },
  });
  const valuesAndMean = (
    field: 'loss' | 'stepSize',
    title: string,
    axisTitle: string,
    scale: { type: 'log'; nice: boolean } | { type: 'linear'; zero: boolean },
  ) => ({
    width,
    height: 160,
    title,
    data: {
      // A loss of exactly 0 has no place on a logarithmic axis.
      values: steps
        .filter((record) => scale.type === 'linear' || record[field] > 0)
        .map((record) => ({ step: record.step, [field]: record[field] })),
    },
    transform: [
      {
        window: [{ op: 'mean' as const, field, as: 'mean' }],
        frame: [-meanHalfWidth, meanHalfWidth] as [number, number],
      },
    ],
    encoding: { x: stepAxis(null) },
    layer: [
      {
        mark: { type: 'line' as const, strokeWidth: 0.7, opacity: 0.4, color },
        encoding: {
          y: {
            field,
            type: 'quantitative' as const,
            scale,
            axis: {
              title: axisTitle,
              ...(scale.type === 'log'
                ? { values: logarithmicTicks, format: '~g' }
                : { tickCount: 5 }),
            },
          },
        },
      },
      {
        mark: { type: 'line' as const, strokeWidth: 2, color },
        encoding: { y: { field: 'mean', type: 'quantitative' as const } },
      },
    ],
  });

  const specification: TopLevelSpec = {
    background: 'white',
    padding: 16,
    title: { text: 'ALI-G on MNIST', frame: 'bounds', subtitle: [...content.subtitle], offset: 20 },
    spacing: 24,
    vconcat: [
      valuesAndMean(
        'loss',
        `Training loss: every step and mean of ${2 * meanHalfWidth + 1} steps`,
        'Cross entropy (nats)',
        { type: 'log', nice: false },
      ),
      valuesAndMean(
        'stepSize',
        `Step size: every step and mean of ${2 * meanHalfWidth + 1} steps`,
        'Step size',
        { type: 'linear', zero: true },
      ),
      {
        width,
        height: 120,
        title: 'Test accuracy after each epoch',
        data: { values: accuracies },
        encoding: {
          x: stepAxis(`Step (of ${content.batchSize} examples)`),
          y: {
            field: 'accuracy',
            type: 'quantitative',
            scale: { zero: false, nice: true, padding: 16 },
            axis: { title: 'Test accuracy (%)', tickCount: 4 },
          },
        },
        layer: [
          { mark: { type: 'line', strokeWidth: 2, color, point: { size: 50, color } } },
          {
            mark: { type: 'text', align: 'right', dx: 4, dy: -12, fontSize: 11 },
            encoding: { text: { field: 'accuracy', type: 'quantitative', format: '.2f' } },
          },
        ],
      },
    ],
    config: {
      font: 'Helvetica, Arial, sans-serif',
      title: {
        anchor: 'start',
        frame: 'group',
        fontSize: 12,
        fontWeight: 600,
        subtitleColor: '#555',
      },
      axis: { titleFontWeight: 'normal', gridColor: '#e8e8e8', domainColor: '#999' },
      // Axes of equal width keep the panels in line.
      axisY: { minExtent: 44 },
      view: { stroke: null },
    },
  };
  return new View(parse(compile(specification).spec), { renderer: 'none' }).toSVG();
}
