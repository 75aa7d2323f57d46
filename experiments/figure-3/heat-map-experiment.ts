import { startDnc } from '../dnc/train.js';
import type { Experiment, FinishedRun, RunSpecification } from '../runner/experiment.js';
import { markdownTable } from '../runner/table.js';
import { drawHeatMap, type Cell } from './heat-map.js';
import type { Method } from './methods.js';

/** What a heat map is made of. */
export interface HeatMapOptions {
  readonly name: string;
  /** Steps of every run. */
  readonly steps: number;
  readonly rows: readonly Method[];
  /** The values of the quick form, of those that a method has. */
  readonly quickValues: readonly number[];
}

const quickSteps = 30;

/** Determines the initial parameters and all batches, which are thus the same for all methods. */
const seed = 1;

function specify(method: Method, value: number | null, steps: number): RunSpecification {
  return {
    method: method.name,
    hyperParameters: { [method.hyperParameter]: value },
    seed,
    steps,
  };
}

/** A run's value and what came of it. */
function cellOf(method: Method, run: FinishedRun): Cell {
  const { hyperParameters } = run.header.configuration;
  const last = run.steps.at(-1);
  return {
    method: method.title,
    axisTitle: method.axisTitle,
    value: hyperParameters[method.hyperParameter] as number | null,
    // The published code's: the mean of the last 100 steps.
    finalObjective: run.end.reason === 'diverged' ? null : (last?.['meanLoss'] as number),
    steps: run.end.steps,
  };
}

function describeCell({ finalObjective, steps }: Cell): string {
  return finalObjective === null ? `diverged in step ${steps}` : finalObjective.toExponential(2);
}

/** An experiment whose runs are the cells of a heat map. */
export function heatMapExperiment(options: HeatMapOptions): Experiment {
  const { name, rows, quickValues } = options;
  return {
    name,
    grid: (quick) =>
      rows.flatMap((method) =>
        method.values
          .filter((value) => !quick || (value !== null && quickValues.includes(value)))
          .map((value) => specify(method, value, quick ? quickSteps : options.steps)),
      ),
    start(specification) {
      const method = rows.find((row) => row.name === specification.method);
      if (method === undefined) {
        throw new Error(`There is no method ${specification.method}.`);
      }
      const value = specification.hyperParameters[method.hyperParameter] as number | null;
      return startDnc(method.prepare(value), specification);
    },
    report(runs) {
      const cells = rows.flatMap((method) =>
        runs
          .filter(({ header }) => header.configuration.method === method.name)
          .map((run) => cellOf(method, run)),
      );
      const steps = Math.max(...runs.map(({ header }) => header.configuration.steps));
      return {
        summary: { cells },
        figures: [{ name, specification: drawHeatMap(cells, steps) }],
        tables: [
          {
            name: 'table',
            markdown: markdownTable(
              ['Method', 'Hyper-parameter', 'Final objective'],
              cells.map((cell) => [cell.method, String(cell.value ?? 'none'), describeCell(cell)]),
            ),
          },
        ],
      };
    },
  };
}
