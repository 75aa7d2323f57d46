import type { TopLevelSpec } from 'vega-lite';

/** One run of the grid. */
export interface Cell {
  readonly method: string;
  /** Title of the axis of the values. */
  readonly axisTitle: string;
  /** Of the method's hyper-parameter; null: none. */
  readonly value: number | null;
  /** null: the run diverged. */
  readonly finalObjective: number | null;
  /** Steps that were taken. */
  readonly steps: number;
}

/** log10 of the objective, from the smallest that the output's limit of +-20 allows to a bad one. */
const colorDomain = [-7.5, 1];
/** Darker cells have white text. */
const darkBelow = -3;

/** 1e-4 to 1e7 as powers of ten, other values as they are. */
function label(value: number | null): string {
  if (value === null) {
    return 'none';
  }
  const exponent = Math.log10(value);
  return Number.isInteger(exponent) ? `1e${exponent}` : String(value);
}

function panel(axisTitle: string, cells: readonly Cell[]) {
  const values = cells.map(({ method, value, finalObjective }) => ({
    method,
    value: label(value),
    logarithm: finalObjective === null ? null : Math.log10(finalObjective),
    text: finalObjective === null ? 'diverged' : finalObjective.toExponential(1).replace('+', ''),
  }));
  const distinct = (list: readonly string[]) => [...new Set(list)];
  return {
    width: { step: 62 },
    height: { step: 36 },
    data: { values },
    encoding: {
      x: {
        field: 'value',
        type: 'ordinal' as const,
        sort: distinct(values.map(({ value }) => value)),
        axis: { title: axisTitle, labelAngle: 0 },
      },
      y: {
        field: 'method',
        type: 'nominal' as const,
        sort: distinct(values.map(({ method }) => method)),
        axis: { title: null },
      },
    },
    layer: [
      {
        mark: { type: 'rect' as const, stroke: 'white' },
        encoding: {
          color: {
            condition: {
              test: 'datum.logarithm !== null',
              field: 'logarithm',
              type: 'quantitative' as const,
              scale: { scheme: 'blues' as const, reverse: true, domain: colorDomain, clamp: true },
              legend: {
                title: 'log₁₀ of the final objective',
                orient: 'bottom' as const,
                direction: 'horizontal' as const,
                gradientLength: 300,
                titleLimit: 300,
              },
            },
            value: '#eee',
          },
        },
      },
      {
        mark: { type: 'text' as const, fontSize: 11 },
        encoding: {
          text: { field: 'text', type: 'nominal' as const },
          color: {
            condition: {
              test: `datum.logarithm !== null && datum.logarithm < ${darkBelow}`,
              value: 'white',
            },
            value: '#222',
          },
        },
      },
    ],
  };
}

/** The final objective by method and value, darker where it is smaller; a panel a kind of value. */
export function drawHeatMap(cells: readonly Cell[], steps: number): TopLevelSpec {
  const axisTitles = [...new Set(cells.map(({ axisTitle }) => axisTitle))];
  return {
    title: {
      frame: 'bounds',
      text: 'Final objective of a differentiable neural computer',
      subtitle: `Repeat copy, ${steps.toLocaleString('en')} steps; mean of the last 100, darker is better`,
    },
    spacing: 28,
    vconcat: axisTitles.map((axisTitle) =>
      panel(
        axisTitle,
        cells.filter((cell) => cell.axisTitle === axisTitle),
      ),
    ),
  };
}
