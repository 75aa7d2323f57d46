import type { HostResults } from '../host/run.js';
import { digits, grouped, machineText, range, table } from './markdown.js';

/** What a step takes of the host. */
export function hostSection({ machine, steps }: HostResults): string {
  return [
    machineText(machine),
    'Microseconds of one step over tensors of 16 elements, by themselves in turns; over `DeviceBuffer`s with ' +
      'a CUDA engine that does nothing, so that neither its list of tensors nor its launches are in it.',
    table(
      ['', '>tensors', '>median us', '>range us'],
      steps.map(({ name, tensors, step: { median, minimum, maximum } }) => [
        ...[name, grouped(tensors), digits(1000 * median)],
        range({ median, minimum: 1000 * minimum, maximum: 1000 * maximum }),
      ]),
    ),
  ].join('\n\n');
}
