import { drawPanels, meanHalfWidth, valuesAndMean } from '../runner/chart.js';
import type { ChartContent } from '../training/single-run.js';
import type { MeanRecord, StepRecord } from './records.js';

/** Curves of a training run as SVG: loss, step size and gradient norm over the steps. */
export function drawChart({
  title,
  subtitle,
  steps,
}: ChartContent<StepRecord, MeanRecord>): Promise<string> {
  const explanation = `every step and mean of ${2 * meanHalfWidth(steps.length) + 1} steps`;
  const logarithmic = {
    scale: { type: 'log' },
    tickFactors: [1],
    stepTitle: null,
  } as const;
  return drawPanels(title, subtitle, [
    valuesAndMean({
      ...logarithmic,
      field: 'loss',
      records: steps,
      title: `Training loss: ${explanation}`,
      axisTitle: 'Cross entropy (nats)',
    }),
    valuesAndMean({
      ...logarithmic,
      field: 'stepSize',
      records: steps,
      title: `Step size: ${explanation}`,
      axisTitle: 'Step size',
    }),
    valuesAndMean({
      ...logarithmic,
      field: 'gradientNorm',
      records: steps,
      title: `Norm of all gradients: ${explanation}`,
      axisTitle: 'Gradient norm',
      stepTitle: 'Step',
    }),
  ]);
}
