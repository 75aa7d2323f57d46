import { isDeepStrictEqual } from 'node:util';

import { FileError } from '../../lib/platform/file-error.js';
import type { RunRecord } from './environment.js';
import type { RunPaths } from './files.js';

/** What the numbers of a run depend on. */
type Dependencies = Pick<RunRecord<unknown, null>, 'configuration' | 'versions' | 'environment'>;

/** Where two configurations differ: `ranks: 2, now 3`. */
function differences(begun: unknown, now: unknown): string {
  const [before, after] = [begun, now] as Readonly<Record<string, unknown>>[];
  const names = [...new Set([...Object.keys(before!), ...Object.keys(after!)])];
  const text = (value: unknown) => (value === undefined ? 'none' : JSON.stringify(value));
  return names
    .filter((name) => !isDeepStrictEqual(before![name], after![name]))
    .map((name) => `${name}: ${text(before![name])}, now ${text(after![name])}`)
    .join('; ');
}

/**
 * Refuses to go on where the next steps would not be those of the process that was killed.
 * @throws FileError
 */
export function checkSameEnvironment(
  begun: Dependencies,
  now: Dependencies,
  paths: RunPaths,
): void {
  const shown = ({ versions, environment }: Dependencies) =>
    JSON.stringify({ ...versions, ...environment });
  // As the log has it: JSON drops what is undefined.
  const configuration = JSON.parse(JSON.stringify(now.configuration)) as unknown;
  if (!isDeepStrictEqual(begun.configuration, configuration)) {
    throw new FileError(
      `${paths.partialLog} was begun with another configuration ` +
        `(${differences(begun.configuration, configuration)}). Choose another output folder, ` +
        `or delete ${paths.checkpoint} to begin the run again.`,
    );
  }
  if (
    !isDeepStrictEqual(begun.versions, now.versions) ||
    !isDeepStrictEqual(begun.environment, now.environment)
  ) {
    throw new FileError(
      `${paths.partialLog} was begun with ${shown(begun)} and cannot go on bit for bit with ` +
        `${shown(now)}. Delete ${paths.checkpoint} to begin the run again.`,
    );
  }
}
