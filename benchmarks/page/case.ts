import { floorPart } from '../contenders/memory.js';
import { ratios } from '../statistics.js';
import type { CaseResult, ContenderResult, MemoryResult } from '../step/measure.js';
import type { StepResults } from '../step/run.js';
import { networkShapes } from '../step/shapes.js';
import { grouped } from './markdown.js';

const isNetwork = ({ shape }: CaseResult) => networkShapes.some(({ name }) => name === shape);

export function shapeText(result: CaseResult): string {
  const { shape, tensors, elements } = result;
  return isNetwork(result)
    ? `${shape} (${grouped(elements)} in ${tensors} tensors)`
    : `${grouped(elements)} in ${grouped(tensors)} tensor${tensors === 1 ? '' : 's'}`;
}

export function caseText(result: CaseResult): string {
  const { threads, threadsTaken, momentum, projecting } = result;
  const taken =
    threadsTaken === threads ? '' : ` (the step takes ${threadsTaken} of them at this size)`;
  return (
    `${shapeText(result)}, ${threads} thread${threads === 1 ? '' : 's'}${taken}, ` +
    `momentum ${momentum}, ${projecting ? 'with projection' : 'no projection'}`
  );
}

/** The times of a contender, where it took part. */
export function find({ contenders }: CaseResult, name: string): ContenderResult | undefined {
  return contenders.find((contender) => contender.name === name);
}

/** The passes that a step is compared with. */
export function floorOf({ memory }: CaseResult): MemoryResult {
  return memory.find(({ part }) => part === floorPart)!;
}

/** The floor's time as a part of the contender's. */
export const shareOfFloor = ({ timesFloor }: ContenderResult) => 1 / timesFloor.median;

/** How many times as long `other` takes as `ours`, in the same round. */
export function timesAsLong(other: ContenderResult, ours: ContenderResult): number {
  return ratios(other.milliseconds, ours.milliseconds).median;
}

/** Cases that differ in size alone: all threads, momentum, no projection. */
export function differingInSize({ machine, cases }: StepResults): CaseResult[] {
  return cases.filter(
    ({ threads, momentum, projecting }) =>
      threads === machine.threads && momentum !== 0 && !projecting,
  );
}
