/** Table 2 of the paper: a Bi-LSTM on SNLI. */
import type { HyperParameter } from '../runner/experiment.js';
import type { Budget, Search } from '../tables/search.js';
import { tableExperiment, type Column } from '../tables/table-experiment.js';
import { reportTable } from '../tables/table-report.js';
import { sentenceTasks } from '../tables/tasks.js';
import { powersOfTen } from '../tables/values.js';

/** What differs between the sizes that the table is made in. */
interface Size {
  readonly task: string;
  readonly trial: Budget;
  readonly final: Budget;
  readonly seeds: number;
}

/** Conneau and others'. */
const batchSize = 64;

/** Gradients of this norm at most: of all but ALI-G, DFW, L4 and BPGrad, which has no such bound here. */
const maxGradientNorm = [5];

/**
 * The methods with what is searched, for a loss; no weight decays. Of a rate the paper says only "a
 * power of ten": the published code's choices are among these.
 */
function rows(loss: 'crossEntropy' | 'hinge', size: Size): Search[] {
  const row = (
    method: string,
    values: Readonly<Record<string, readonly HyperParameter[]>>,
  ): Search => ({ ...size, method, loss, values, batchSizes: [batchSize] });
  return [
    row('adagrad', { learningRate: powersOfTen(-3, 0), maxGradientNorm }),
    row('adam', { learningRate: powersOfTen(-5, -2), maxGradientNorm }),
    row('amsgrad', { learningRate: powersOfTen(-5, -2), maxGradientNorm }),
    row('bpgrad', { learningRate: powersOfTen(-1, 1) }),
    ...(loss === 'hinge' ? [row('dfw', { learningRate: powersOfTen(-1, 1) })] : []),
    row('l4adam', { fraction: [0.015, 0.15] }),
    row('l4mom', { fraction: [0.015, 0.15] }),
    row('alig-infinity', { maxLearningRate: [null], momentum: [0] }),
    row('alig', { maxLearningRate: powersOfTen(-1, 1), momentum: [0] }),
    row('sgd', {
      learningRate: powersOfTen(-2, 1),
      maxGradientNorm,
      schedule: ['infersent'],
    }),
  ];
}

function columns(size: Size): Column[] {
  return [
    { title: 'CE', searches: rows('crossEntropy', size) },
    { title: 'SVM', searches: rows('hinge', size) },
  ];
}

/** Pairs with a label. */
const snliBudget: Budget = { epochs: 20, examples: 549_367 };
const sickExamples = 4_439;

export default tableExperiment({
  name: 'table-2',
  title: 'Table 2: test accuracy of a Bi-LSTM on SNLI',
  tasks: sentenceTasks,
  criterion: 'validationAccuracy',
  report: reportTable,
  presets: {
    laptop: {
      notes: [
        'SNLI is replaced by SICK, with 4,439 pairs to train on in place of 549,367; GloVe 840B with 300 ' +
          "numbers by wink's vectors (GloVe 6B) with 100; the Bi-LSTM of 2,048 units a direction by one " +
          "of 128, the classifier's layers of 512 by 128.",
        'Rates are searched with one seed on fewer epochs.',
      ],
      columns: columns({
        task: 'sick-bilstm-128',
        trial: { epochs: 5, examples: sickExamples },
        final: { epochs: 20, examples: sickExamples },
        seeds: 3,
      }),
    },
    paper: {
      notes: [],
      columns: columns({
        task: 'snli-bilstm-2048',
        trial: snliBudget,
        final: snliBudget,
        seeds: 1,
      }),
    },
  },
});
