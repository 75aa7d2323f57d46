/** Reads the recorded trajectories of test/golden (see FORMAT.md there). */
import { readdirSync, readFileSync } from 'node:fs';
import type { ConstructionErrors, Tape, Trajectory } from './golden-comparison.js';

export * from './golden-comparison.js';

// Compiled tests lie in dist/test/support; the recorded files stay where they are.
const folder = new URL('../../../test/golden/', import.meta.url);

/** Reads one file of test/golden. */
export function readGolden(file: string): unknown {
  return JSON.parse(readFileSync(new URL(file, folder), 'utf8'));
}

/** Names of all recorded files. */
export function goldenFiles(): string[] {
  return readdirSync(folder).filter((file) => file.endsWith('.json'));
}

/** All recorded cases of one kind. */
export function goldenCases<Kind extends Tape | Trajectory | ConstructionErrors>(
  kind: Kind['kind'],
): Kind[] {
  return goldenFiles()
    .map((file) => readGolden(file) as Kind)
    .filter((recorded) => recorded.kind === kind);
}
