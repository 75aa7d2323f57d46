import type { TopLevelSpec } from 'vega-lite';

import { methodTitle } from '../tables/table-report.js';
import type { FinishedColumn, FinishedTable } from '../tables/table-experiment.js';

/** Over so many epochs the mean of a curve is taken, as far as there are as many. */
const meanEpochs = 5;

/** With fewer epochs a mean of five would hide what there is. */
const fewestEpochsOfMean = 4 * meanEpochs;

/** The points of all curves of a panel. */
function pointsOf({ cells }: FinishedColumn) {
  return cells.flatMap(({ search, finals }) =>
    finals.flatMap(({ id, steps }) =>
      steps.flatMap(({ epoch, objective }) =>
        // An objective of exactly 0 has no place on a logarithmic axis; a run that diverged ends.
        typeof epoch === 'number' && typeof objective === 'number' && objective > 0
          ? [{ run: id, method: methodTitle(search.method), epoch, objective }]
          : [],
      ),
    ),
  );
}

function panel(column: FinishedColumn, methodTitles: readonly string[]) {
  const { epochs } = column.cells[0]!.search.final;
  const isMean = epochs >= fewestEpochsOfMean;
  return {
    width: 420,
    height: 280,
    title: column.title,
    data: { values: pointsOf(column) },
    transform: isMean
      ? [
          {
            window: [{ op: 'mean' as const, field: 'objective', as: 'shown' }],
            frame: [1 - meanEpochs, 0] as [number, number],
            groupby: ['run'],
            sort: [{ field: 'epoch' }],
          },
        ]
      : [{ calculate: 'datum.objective', as: 'shown' }],
    mark: { type: 'line' as const, strokeWidth: 2, point: !isMean },
    encoding: {
      x: {
        field: 'epoch',
        type: 'quantitative' as const,
        scale: { domain: [0, epochs], nice: false },
        axis: { title: 'Epoch', grid: false, tickMinStep: 1 },
      },
      y: {
        field: 'shown',
        type: 'quantitative' as const,
        scale: { type: 'log' as const, nice: false },
        axis: {
          title: isMean
            ? `Training objective, mean over ${meanEpochs} epochs`
            : 'Training objective',
          format: '~g',
        },
      },
      color: {
        field: 'method',
        type: 'nominal' as const,
        title: null,
        scale: { domain: [...methodTitles] },
      },
      detail: { field: 'run' },
    },
  };
}

/** The training objective over the epochs, a panel a network, a line a method. */
export function drawObjectives({ title, notes, columns }: FinishedTable): TopLevelSpec {
  const names = new Set(columns.flatMap(({ cells }) => cells.map(({ search }) => search.method)));
  const methodTitles = [...names].map(methodTitle);
  return {
    title: { text: title, frame: 'bounds', subtitle: [...notes] },
    spacing: 28,
    vconcat: columns.map((column) => panel(column, methodTitles)),
  };
}
