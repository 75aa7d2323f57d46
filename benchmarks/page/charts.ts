import { drawPanels } from '../../experiments/runner/chart.js';
import { hostName, momentumName, plainName, tensorFlowName } from '../contenders/list.js';
import type { CaseResult } from '../step/measure.js';
import type { StepResults } from '../step/run.js';
import { differingInSize, find, floorOf, shareOfFloor } from './case.js';

const width = 320;
const height = 220;
const drawn = [hostName, tensorFlowName, plainName, momentumName];

/** A panel a number of tensors, side by side. */
function panels(
  results: StepResults,
  field: 'milliseconds' | 'share',
  axisTitle: string,
  valuesOf: (result: CaseResult) => { name: string; value: number }[],
) {
  const cases = differingInSize(results);
  const counts = [...new Set(cases.map(({ tensors }) => tensors))].sort((a, b) => a - b);
  // Networks have a number of tensors each; a line needs several sizes.
  return counts
    .map((tensors) => ({ tensors, sizes: cases.filter((each) => each.tensors === tensors) }))
    .filter(({ sizes }) => sizes.length >= 3)
    .map(({ tensors, sizes }) => ({
      width,
      height,
      title: `${tensors.toLocaleString('en-US')} tensor${tensors === 1 ? '' : 's'}`,
      data: {
        values: sizes.flatMap((result) =>
          valuesOf(result).map(({ name, value }) => ({
            parameters: result.elements,
            contender: name,
            [field]: value,
          })),
        ),
      },
      mark: { type: 'line' as const, point: true },
      encoding: {
        x: {
          field: 'parameters',
          type: 'quantitative' as const,
          scale: { type: 'log' as const },
          axis: { title: 'Parameters', format: '~s' },
        },
        y: {
          field,
          type: 'quantitative' as const,
          scale:
            field === 'milliseconds' ? { type: 'log' as const } : { domain: [0, 1], clamp: true },
          axis: { title: axisTitle, format: field === 'milliseconds' ? '~g' : '%' },
        },
        color: {
          field: 'contender',
          type: 'nominal' as const,
          sort: null,
          legend: { title: null, orient: 'bottom' as const, columns: 3, labelLimit: 0 },
        },
      },
    }));
}

function subtitle({ machine }: StepResults): string[] {
  return [
    `${machine.processor}, ${machine.threads} threads, ${machine.instructionSet}; momentum 0.9, no projection`,
  ];
}

/** Two panels in a row, as many rows as are needed. */
function rows<Panel>(list: readonly Panel[]): { hconcat: Panel[] }[] {
  return list.flatMap((_, i) => (i % 2 === 0 ? [{ hconcat: list.slice(i, i + 2) }] : []));
}

/** The time of a step over the number of parameters, as SVG. */
export function timeChart(results: StepResults): Promise<string> {
  const list = panels(results, 'milliseconds', 'Milliseconds a step', (result) => [
    ...drawn.flatMap((name) => {
      const found = find(result, name);
      return found ? [{ name, value: found.median }] : [];
    }),
    {
      name: 'floor: memory traffic of a step',
      value: floorOf(result).median,
    },
  ]);
  return drawPanels('Time of one step', subtitle(results), rows(list));
}

/** The floor's time as a part of the step's, as SVG. */
export function shareChart(results: StepResults): Promise<string> {
  const list = panels(results, 'share', 'Share of the floor', (result) =>
    drawn.flatMap((name) => {
      const found = find(result, name);
      return found ? [{ name, value: shareOfFloor(found) }] : [];
    }),
  );
  return drawPanels("The floor's time as a part of the step's", subtitle(results), rows(list));
}
