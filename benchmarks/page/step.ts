import {
  hostName,
  momentumName,
  plainName,
  tensorFlowName,
  torchName,
  torchNormName,
} from '../contenders/list.js';
import { memoryPasses } from '../contenders/memory.js';
import type { CaseResult, ContenderResult } from '../step/measure.js';
import type { StepResults } from '../step/run.js';
import { caseText, find, floorOf, shapeText, shareOfFloor, timesAsLong } from './case.js';
import { digits, duration, machineText, percent, range, table } from './markdown.js';

/** One row a case: ours beside the floor and what users have today. */
function summaryTable(cases: readonly CaseResult[]): string {
  return table(
    [
      '',
      '>threads',
      '>momentum',
      'projection',
      '>floor',
      '>Float32Array',
      '>of the floor',
      '>tfjs-node',
      '>of the floor',
      '>plain ops',
      '>momentum',
      '>PyTorch, norm',
      '>PyTorch',
    ],
    cases.map((result) => {
      const [host, tensorFlow] = [hostName, tensorFlowName].map((name) => find(result, name));
      const time = (contender?: ContenderResult) => (contender ? duration(contender.median) : '');
      const share = (contender?: ContenderResult) =>
        contender ? percent(shareOfFloor(contender)) : '';
      const times = (name: string, ours?: ContenderResult) => {
        const other = find(result, name);
        return other && ours ? `${digits(timesAsLong(other, ours))} x` : '';
      };
      return [
        shapeText(result),
        result.threads,
        result.momentum,
        result.projecting ? 'yes' : '',
        duration(floorOf(result).median),
        time(host),
        share(host),
        time(tensorFlow),
        share(tensorFlow),
        times(plainName, tensorFlow),
        times(momentumName, tensorFlow),
        times(torchNormName, host),
        times(torchName, host),
      ];
    }),
  );
}

/** The bandwidths of the largest case: beyond the caches, as far as memory and time allow. */
function floorTable(cases: readonly CaseResult[]): string {
  const largest = cases.reduce((a, b) => (b.elements > a.elements ? b : a));
  const floor = floorOf(largest);
  return [
    caseText(largest),
    table(
      ['', '>bytes a parameter', '>median', '>range ms', '>GB/s', '>x step in place'],
      largest.memory.map((pass) => [
        memoryPasses.find(({ part }) => part === pass.part)!.text,
        pass.bytesPerElement,
        duration(pass.median),
        range(pass),
        digits(pass.gigabytesPerSecond),
        digits(pass.median / floor.median),
      ]),
    ),
  ].join('\n\n');
}

/** One step: a summary of all cases, and the floors. */
export function stepSection({ machine, rounds, cases }: StepResults): string {
  return [
    machineText(machine),
    `Medians over ${rounds.count} rounds. "Of the floor" is the floor's time as a part of the ` +
      "step's. The last columns say how many times as long others take: plain TensorFlow.js ops and " +
      "tf.train.momentum as AliG does through tfjs-node, PyTorch's fused SGD as fusedAliGStep over " +
      'Float32Arrays does, with the gradient norm (and the projection where there is one) and ' +
      'without.',
    summaryTable(cases),
    '### Floors',
    floorTable(cases),
  ].join('\n\n');
}
