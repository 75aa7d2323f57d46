import type { CaseResult, ContenderResult } from '../step/measure.js';
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
  const { threads, threadsTaken, momentum, ballActive } = result;
  const taken =
    threadsTaken === threads ? '' : ` (the step takes ${threadsTaken} of them at this size)`;
  return (
    `${shapeText(result)}, ${threads} thread${threads === 1 ? '' : 's'}${taken}, ` +
    `momentum ${momentum}, ball ${ballActive ? 'active' : 'inactive'}`
  );
}

/** The times of a contender, where it took part. */
export function find({ contenders }: CaseResult, name: string): ContenderResult | undefined {
  return contenders.find((contender) => contender.name === name);
}
