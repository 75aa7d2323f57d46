import {
  chartColor,
  chartWidth,
  drawPanels,
  meanHalfWidth,
  stepAxis,
  valuesAndMean,
} from '../runner/chart.js';
import type { ChartContent } from '../training/single-run.js';
import type { EpochRecord, StepRecord } from './records.js';

/** Curves of a training run as SVG: loss, step size and test accuracy over the steps. */
export function drawChart(
  content: ChartContent<StepRecord, EpochRecord> & { readonly batchSize: number },
): Promise<string> {
  const { steps, epochs } = content;
  const lastStepOfEpoch = new Map(steps.map(({ epoch, step }) => [epoch, step]));
  const accuracies = epochs.map(({ epoch, testAccuracy }) => ({
    step: lastStepOfEpoch.get(epoch) ?? 0,
    accuracy: 100 * testAccuracy,
  }));
  const meanSteps = 2 * meanHalfWidth(steps.length) + 1;
  return drawPanels(content.title, content.subtitle, [
    valuesAndMean({
      field: 'loss',
      records: steps,
      title: `Training loss: every step and mean of ${meanSteps} steps`,
      axisTitle: 'Cross entropy (nats)',
      scale: { type: 'log' },
      stepTitle: null,
    }),
    valuesAndMean({
      field: 'stepSize',
      records: steps,
      title: `Step size: every step and mean of ${meanSteps} steps`,
      axisTitle: 'Step size',
      scale: { type: 'linear', zero: true },
      stepTitle: null,
    }),
    {
      width: chartWidth,
      height: 120,
      title: 'Test accuracy after each epoch',
      data: { values: accuracies },
      encoding: {
        x: stepAxis(steps.length, `Step (of ${content.batchSize} examples)`),
        y: {
          field: 'accuracy',
          type: 'quantitative',
          // Whole percents: one epoch alone would have no range.
          scale: {
            domain: [
              Math.floor(Math.min(100, ...accuracies.map(({ accuracy }) => accuracy))) - 1,
              Math.ceil(Math.max(0, ...accuracies.map(({ accuracy }) => accuracy))) + 1,
            ],
            nice: false,
          },
          axis: { title: 'Test accuracy (%)', tickCount: 4, format: '~g' },
        },
      },
      layer: [
        {
          mark: {
            type: 'line',
            strokeWidth: 2,
            color: chartColor,
            point: { size: 50, color: chartColor },
          },
        },
        {
          mark: { type: 'text', align: 'right', dx: 4, dy: -12, fontSize: 11 },
          encoding: { text: { field: 'accuracy', type: 'quantitative', format: '.2f' } },
        },
      ],
    },
  ]);
}
