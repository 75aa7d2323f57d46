import { readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { installCommand } from '../lib/platform/package-manager.js';
import type { Diagnosis } from './diagnosis.js';
import type { TensorFlowPackage } from '../lib/platform/tensorflow-package.js';

/** An installed @tensorflow/tfjs-core. */
export interface CoreCopy {
  readonly version: string;
  readonly directory: string;
}

const core = '@tensorflow/tfjs-core';

/** A copy, and who imports it. */
type UsedCopy = CoreCopy & { readonly user: string };

/** The manifest of a package as the file `origin` would import it; undefined where it cannot. */
function manifestOf(name: string, origin: string): string | undefined {
  try {
    return createRequire(origin).resolve(`${name}/package.json`);
  } catch {
    return undefined;
  }
}

function copyFor(user: string, origin: string): UsedCopy | undefined {
  const manifest = manifestOf(core, origin);
  if (manifest === undefined) return undefined;
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
  return { user, version, directory: realpathSync(dirname(manifest)) };
}

/**
 * Looks for @tensorflow/tfjs-core as this package imports it, and for other copies, which the
 * project in the folder `from` or a tfjs-node may import: each copy has a list of classes of its own
 * (docs/several-copies.md).
 */
export function examineCore(
  from: string,
  tensorFlowPackages: readonly TensorFlowPackage[],
): Diagnosis<CoreCopy> {
  const own = copyFor('tfjs-alig', import.meta.url);
  if (own === undefined) {
    return {
      status: 'missing',
      problem: `${core} is not installed`,
      remedy: installCommand(core),
    };
  }
  const ofTensorFlow = tensorFlowPackages.flatMap(({ name, directory }) => {
    // tfjs-node has it from @tensorflow/tfjs.
    const union = manifestOf('@tensorflow/tfjs', join(directory, 'package.json'));
    return (union === undefined ? undefined : copyFor(name, union)) ?? [];
  });
  const ofProject = copyFor('your project', join(from, 'package.json')) ?? [];
  const copies = [own, ofTensorFlow, ofProject].flat();
  if (copies.every(({ directory }) => directory === own.directory)) {
    return { status: 'works', version: own.version, directory: own.directory };
  }
  const list = copies.map(({ user, version, directory }) => `${version} of ${user} (${directory})`);
  return {
    status: 'broken',
    problem:
      `several copies of ${core}, of which one alone loads models saved with AliG unless the program ` +
      `calls registerOptimizers (docs/several-copies.md): ${list.join(', ')}`,
    remedy: installCommand(`${core}@${(ofTensorFlow[0] ?? own).version}`),
  };
}
