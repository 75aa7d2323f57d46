import { execFileSync } from 'node:child_process';
import { realpathSync } from 'node:fs';

import { packageRoot } from '../../lib/platform/package.js';

/**
 * `git describe` of this package's sources, '-dirty' where files differ from the commit; null where
 * they lie in no repository of their own, as in the node_modules of another project.
 */
export function describeCommit(): string | null {
  const git = (...parameters: string[]) =>
    execFileSync('git', ['-C', packageRoot, ...parameters], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  try {
    const root = realpathSync(git('rev-parse', '--show-toplevel'));
    return root === realpathSync(packageRoot)
      ? git('describe', '--tags', '--always', '--dirty')
      : null;
  } catch {
    return null; // No git, or no repository.
  }
}
