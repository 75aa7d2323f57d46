/** Reads the recorded trajectories of test/golden (see FORMAT.md there). */
import { readdirSync, readFileSync } from 'node:fs';
import type { Tape, Trajectory } from './golden-comparison.js';

export * from './golden-comparison.js';

// Compiled tests lie in dist/test/support; the recorded files stay where they are.
const folder = new URL('../../../test/golden/', import.meta.url);

/** Reads one file of test/golden. */
export function readGolden(file: string): unknown {
  return JSON.parse(readFileSync(new URL(file, folder), 'utf8'));
}

/** All recorded cases of one kind. */
export function goldenCases<Kind extends Tape | Trajectory>(kind: Kind['kind']): Kind[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .map((file) => readGolden(file) as Kind)
    .filter((recorded) => recorded.kind === kind);
}
