import type { Machine } from '../machine.js';
import type { Summary } from '../statistics.js';

/** Three significant digits. */
export function digits(value: number): string {
  if (value === 0) return '0';
  const decimals = Math.min(6, Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value)))));
  return value.toFixed(decimals);
}

export function range({ minimum, maximum }: Summary): string {
  return `${digits(minimum)}..${digits(maximum)}`;
}

export const grouped = (count: number) => count.toLocaleString('en-US');

export function percent(part: number): string {
  return `${digits(100 * part)} %`;
}

/** Milliseconds with the unit that fits. */
export function duration(milliseconds: number): string {
  if (milliseconds < 1) return `${digits(1000 * milliseconds)} us`;
  return milliseconds < 10_000 ? `${digits(milliseconds)} ms` : `${digits(milliseconds / 1000)} s`;
}

export function bytes(count: number): string {
  const [size, unit] = count < 1e9 ? [1e6, 'MB'] : count < 1e12 ? [1e9, 'GB'] : [1e12, 'TB'];
  return `${digits(count / size)} ${unit}`;
}

/** A table; columns whose heading begins with '>' are aligned to the right. */
export function table(
  headings: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string {
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`;
  return [
    line(headings.map((heading) => heading.replace(/^>/, ''))),
    line(headings.map((heading) => (heading.startsWith('>') ? '--:' : '---'))),
    ...rows.map(line),
  ].join('\n');
}

/** What the numbers of a section depend on, in a sentence. */
export function machineText(machine: Machine): string {
  const { versions } = machine;
  const caches = machine.caches
    .map(({ level, type, size }) => `L${level} ${type.toLowerCase()} ${size}`)
    .join(', ');
  return (
    `${machine.processor}, ${machine.processors} processors (${caches || 'caches unknown'}), ` +
    `governor ${machine.governor ?? 'unknown'}, ${machine.memoryGibibytes} GiB, transparent huge ` +
    `pages ${machine.transparentHugePages ?? 'unknown'}; ${machine.threads} threads, ` +
    `${machine.instructionSet}; ` +
    Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', ') +
    `, at commit ${machine.commit ?? 'unknown'}; ${machine.date.slice(0, 10)}, load ` +
    `before the run ${machine.loadBefore.toFixed(1)}.`
  );
}
