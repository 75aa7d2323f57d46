/** Figure 4 of the paper: the training objective over the epochs, without regularisation. */
import type { Budget, Search } from '../tables/search.js';
import { tableExperiment, type Column } from '../tables/table-experiment.js';
import { settingsTable, summaryOf, trialsTable } from '../tables/table-report.js';
import { imageTasks } from '../tables/tasks.js';
import { powersOfTen } from '../tables/values.js';
import { drawObjectives } from './chart.js';

/** A panel of the figure. */
interface Panel {
  readonly title: string;
  readonly task: string;
  readonly batchSize: number;
  readonly trial: Budget;
  readonly final: Budget;
}

/** Nesterov's, of SGD and ALI-G, as in the published code. */
const momentum = [0.9];

/**
 * The methods with what is searched: powers of ten around the published code's choices. SGD's rate is
 * constant.
 */
function column({ title, task, batchSize, trial, final }: Panel): Column {
  const row = (method: string, values: Search['values']): Search => ({
    task,
    method,
    loss: 'crossEntropy',
    values,
    batchSizes: [batchSize],
    trial,
    final,
    seeds: 1,
  });
  return {
    title,
    searches: [
      row('sgd', { learningRate: powersOfTen(-3, 0), momentum, nesterov: [true] }),
      row('adam', { learningRate: powersOfTen(-4, -1) }),
      row('adagrad', { learningRate: powersOfTen(-2, 0) }),
      row('alig', { maxLearningRate: powersOfTen(-2, 1), momentum }),
    ],
  };
}

function panel(title: string, task: string, batchSize: number, budget: Budget): Column {
  return column({ title, task, batchSize, trial: budget, final: budget });
}

const svhnBudget: Budget = { epochs: 160, examples: 598_388 };
const wideResNetBudget: Budget = { epochs: 200, examples: 45_000 };
const denseNetBudget: Budget = { epochs: 300, examples: 45_000 };

export default tableExperiment({
  name: 'figure-4',
  title: 'Figure 4: training objective, without regularisation',
  tasks: imageTasks({ evaluation: false }),
  criterion: 'objective',
  report: (table) => ({
    summary: summaryOf(table),
    figures: [{ name: 'figure-4', specification: drawObjectives(table) }],
    tables: [
      { name: 'settings', markdown: settingsTable(table) },
      { name: 'trials', markdown: trialsTable(table) },
    ],
  }),
  presets: {
    laptop: {
      notes: [
        'WRN-40-4 is replaced by WRN-10-1. Left out: SVHN, CIFAR-100 and the densely connected networks.',
        'Rates are searched on fewer examples.',
      ],
      columns: [
        column({
          title: 'CIFAR-10, WRN-10-1',
          task: 'cifar10-wrn-10-1',
          batchSize: 128,
          trial: { epochs: 2, examples: 18_000 },
          final: { epochs: 10, examples: 45_000 },
        }),
      ],
    },
    paper: {
      notes: [],
      columns: [
        panel('SVHN, WRN-16-4', 'svhn-wrn-16-4', 128, svhnBudget),
        panel('CIFAR-10, WRN-40-4', 'cifar10-wrn-40-4', 128, wideResNetBudget),
        panel('CIFAR-10, DN-40-40', 'cifar10-dn-40-40', 64, denseNetBudget),
        panel('CIFAR-100, WRN-40-4', 'cifar100-wrn-40-4', 128, wideResNetBudget),
        panel('CIFAR-100, DN-40-40', 'cifar100-dn-40-40', 64, denseNetBudget),
      ],
    },
  },
});
