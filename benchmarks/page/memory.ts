import type { LargeResult, MemoryResults } from '../memory/run.js';
import type { SoakResult } from '../memory/soak.js';
import {
  bytes,
  digits,
  duration,
  grouped,
  machineText,
  percent,
  range,
  table,
} from './markdown.js';

function soakTable(results: readonly SoakResult[]): string {
  return table(
    [
      '',
      '>tensors',
      '>parameters',
      '>steps',
      '>before',
      '>steady',
      '>peak',
      '>added, B a parameter',
      '>growth, B a step',
      '>tfjs tensors',
    ],
    results.map((result) => [
      result.name,
      grouped(result.tensors),
      grouped(result.elements),
      grouped(result.steps),
      bytes(result.residentBytes[0]!),
      bytes(result.steadyBytes),
      bytes(result.peakBytes),
      digits(result.addedBytesPerParameter),
      digits(result.growthBytesPerStep),
      result.tensorsAtFirst === null
        ? ''
        : `${String(result.tensorsAtFirst)} to ${String(result.tensorsAtLast)}`,
    ]),
  );
}

function largeRow({
  name,
  elements,
  momentum,
  projecting,
  bytesPerElement,
  measured,
}: LargeResult) {
  const what = [name, grouped(elements), bytes(4 * elements), momentum, projecting ? 'yes' : ''];
  if (!measured) return [...what, 'too little memory', '', '', '', ''];
  const { step, floor, residentBytes } = measured;
  return [
    ...what,
    duration(step.median),
    range(step),
    digits((bytesPerElement * elements) / step.median / 1e6),
    percent(floor.median / step.median),
    bytes(residentBytes),
  ];
}

/** What steps hold over time, and steps over tensors of more than 2^31 bytes. */
export function memorySection({ machine, soak, large }: MemoryResults): string {
  return [
    machineText(machine),
    'Resident size with momentum and projection: before the first step, with parameters and ' +
      'gradients; steady is the median of the second half of the steps, growth its slope; added is ' +
      'what steady is above before; the peak counts the making of the inputs.',
    soakTable(soak),
    'One step over one tensor; after the first one the norms were compared with the formula, and ' +
      'parameters on both sides of 2^31 bytes and at both ends.',
    table(
      [
        '',
        '>parameters',
        '>a tensor',
        '>momentum',
        'projection',
        '>median',
        '>range ms',
        '>GB/s',
        '>of the floor',
        '>resident',
      ],
      large.map(largeRow),
    ),
  ].join('\n\n');
}
