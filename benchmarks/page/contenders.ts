import { hostName } from '../contenders/list.js';
import { memoryPasses } from '../contenders/memory.js';
import type { CaseResult, ContenderResult } from '../step/measure.js';
import type { StepResults } from '../step/run.js';
import { caseText, find, timesAsLong } from './case.js';
import { digits, duration, machineText, table } from './markdown.js';

/** What is in a contender's time. */
function workText({ norm, projection, checks }: ContenderResult['work']): string {
  const parts = [
    ...(norm ? ['norm'] : []),
    ...(projection ? ['projection'] : []),
    ...(checks ? ['checks'] : []),
  ];
  return ['step', ...parts].join(', ');
}

function gigabytesPerSecond({ bytesPerElement, elements }: CaseResult, milliseconds: number) {
  return (bytesPerElement * elements) / milliseconds / 1e6;
}

function caseTable(result: CaseResult): string {
  const { contenders, memory, bytesPerElement, leftOut } = result;
  const host = find(result, hostName);
  const rows = contenders.map((contender) => [
    contender.name,
    workText(contender.work),
    duration(contender.median),
    `${duration(contender.minimum)}..${duration(contender.maximum)}`,
    digits(gigabytesPerSecond(result, contender.median)),
    digits(contender.timesFloor.median),
    host ? digits(timesAsLong(contender, host)) : '',
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
    `## ${caseText(result)}: ${bytesPerElement} bytes a parameter`,
    table(
      ['', 'in its time', '>median', '>range', '>GB/s', '>x floor', '>x fusedAliGStep'],
      [...rows, ...floorRows],
    ),
    ...(leftOut.length === 0
      ? []
      : [`Left out: ${leftOut.map(({ name, reason }) => `${name} (${reason})`).join('; ')}.`]),
  ].join('\n\n');
}

/** Every contender of every case. */
export function contendersSection({ machine, rounds, cases }: StepResults): string {
  return [
    machineText(machine),
    `Medians over ${rounds.count} rounds, with the smallest and the largest.`,
    ...cases.map(caseTable),
  ].join('\n\n');
}
