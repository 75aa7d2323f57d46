import { hostName, momentumName, plainName, tensorFlowName } from '../contenders/list.js';
import { memoryPasses } from '../contenders/memory.js';
import type { CaseResult, ContenderResult } from '../step/measure.js';
import { networkShapes } from '../step/shapes.js';
import type { StepResults } from '../step/run.js';
import { digits, duration, grouped, machineText, percent, range, table } from './markdown.js';

const isNetwork = ({ shape }: CaseResult) => networkShapes.some(({ name }) => name === shape);

function shapeText(result: CaseResult): string {
  const { shape, tensors, elements } = result;
  return isNetwork(result)
    ? `${shape} (${grouped(elements)} in ${tensors} tensors)`
    : `${grouped(elements)} in ${grouped(tensors)} tensor${tensors === 1 ? '' : 's'}`;
}

function caseText(result: CaseResult): string {
  const { threads, threadsTaken, momentum, ballActive } = result;
  const taken =
    threadsTaken === threads ? '' : ` (the step takes ${threadsTaken} of them at this size)`;
  return (
    `${shapeText(result)}, ${threads} thread${threads === 1 ? '' : 's'}${taken}, ` +
    `momentum ${momentum}, ball ${ballActive ? 'active' : 'inactive'}`
  );
}

/** What is in a contender's time. */
function workText({ norm, projection, checks }: ContenderResult['work']): string {
  const parts = [
    ...(norm ? ['norm'] : []),
    ...(projection ? ['ball'] : []),
    ...(checks ? ['checks'] : []),
  ];
  return ['step', ...parts].join(', ');
}

function find({ contenders }: CaseResult, name: string): ContenderResult | undefined {
  return contenders.find((contender) => contender.name === name);
}

function gigabytesPerSecond({ bytesPerElement, elements }: CaseResult, milliseconds: number) {
  return (bytesPerElement * elements) / milliseconds / 1e6;
}

function caseTable(result: CaseResult): string {
  const { contenders, memory, bytesPerElement, leftOut } = result;
  const host = find(result, hostName)?.median;
  const rows = contenders.map((contender) => [
    contender.name,
    workText(contender.work),
    duration(contender.median),
    `${duration(contender.minimum)}..${duration(contender.maximum)}`,
    digits(gigabytesPerSecond(result, contender.median)),
    digits(contender.timesFloor.median),
    host === undefined ? '' : digits(contender.median / host),
  ]);
  const floorRows = memory.map((pass) => [
    memoryPasses.find(({ part }) => part === pass.part)!.text,
    `memory, ${pass.bytesPerElement} B`,
    duration(pass.median),
    `${duration(pass.minimum)}..${duration(pass.maximum)}`,
    digits(pass.gigabytesPerSecond),
    '',
    '',
  ]);
  return [
    `#### ${caseText(result)}: ${bytesPerElement} bytes a parameter`,
    table(
      ['', 'in its time', '>median', '>range', '>GB/s', '>x floor', '>x fusedAliGStep'],
      [...rows, ...floorRows],
    ),
    ...(leftOut.length === 0
      ? []
      : [`Left out: ${leftOut.map(({ name, reason }) => `${name} (${reason})`).join('; ')}.`]),
  ].join('\n\n');
}

/** One row a case: ours beside the floor and what users have today. */
function summaryTable(cases: readonly CaseResult[]): string {
  return table(
    [
      '',
      '>threads',
      '>momentum',
      'ball',
      '>floor',
      '>Float32Array',
      '>of the floor',
      '>tfjs-node',
      '>of the floor',
      '>plain ops',
      '>momentum',
    ],
    cases.map((result) => {
      const times = [hostName, tensorFlowName, plainName, momentumName].map((name) =>
        find(result, name),
      );
      const [host, tensorFlow, plain, momentum] = times;
      const time = (contender?: ContenderResult) => (contender ? duration(contender.median) : '');
      const share = (contender?: ContenderResult) =>
        contender ? percent(1 / contender.timesFloor.median) : '';
      const faster = (other?: ContenderResult) =>
        other && tensorFlow ? `${digits(other.median / tensorFlow.median)} x` : '';
      const floor = result.memory.find(({ part }) => part === 'floor')!;
      return [
        shapeText(result),
        result.threads,
        result.momentum,
        result.ballActive ? 'active' : '',
        duration(floor.median),
        time(host),
        share(host),
        time(tensorFlow),
        share(tensorFlow),
        faster(plain),
        faster(momentum),
      ];
    }),
  );
}

/** The bandwidths of the largest case: beyond the caches, as far as memory and time allow. */
function floorTable(cases: readonly CaseResult[]): string {
  const largest = cases.reduce((a, b) => (b.elements > a.elements ? b : a));
  const floor = largest.memory.find(({ part }) => part === 'floor')!;
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

/** One step: a summary of all cases, the floors, and every contender of every case. */
export function stepSection({ machine, rounds, cases }: StepResults): string {
  return [
    machineText(machine),
    `Medians over ${rounds.count} rounds. "Of the floor" is the floor's time as a part of the ` +
      "step's; the last two columns say how many times as long plain TensorFlow.js ops and " +
      'tf.train.momentum take as AliG does through tfjs-node.',
    summaryTable(cases),
    '### Floors',
    floorTable(cases),
    '### Every contender',
    ...cases.map(caseTable),
  ].join('\n\n');
}
