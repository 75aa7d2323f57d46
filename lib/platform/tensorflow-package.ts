import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import util from 'node:util';
import { utilFunctions } from './util-functions.js';

/** An installed @tensorflow/tfjs-node or @tensorflow/tfjs-node-gpu, with or without its runtime. */
export interface TensorFlowPackage {
  readonly name: TensorFlowPackageName;
  readonly version: string;
  /** The package's own folder, links resolved. */
  readonly directory: string;
}

export type TensorFlowPackageName = '@tensorflow/tfjs-node' | '@tensorflow/tfjs-node-gpu';

/** The package that runs TensorFlow on the CPU, or on a GPU. */
export function tensorFlowPackageName(gpu: boolean): TensorFlowPackageName {
  return gpu ? '@tensorflow/tfjs-node-gpu' : '@tensorflow/tfjs-node';
}

/**
 * Finds the package as the user's code in the folder `from` would, else as this package would;
 * undefined where neither has it. Does not load it.
 */
export function findTensorFlowPackage(
  name: TensorFlowPackageName,
  from: string,
): TensorFlowPackage | undefined {
  for (const origin of [join(from, 'package.json'), import.meta.url]) {
    let manifestPath;
    try {
      manifestPath = createRequire(origin).resolve(`${name}/package.json`);
    } catch {
      continue;
    }
    const manifest = JSON.parse(readFileSync(manifestPath, 'utf8')) as { version: string };
    return { name, version: manifest.version, directory: dirname(manifestPath) };
  }
  return undefined;
}

/** Whether a runtime was ever made: tfjs-node's binding to TensorFlow lies in lib/. */
export function hasRuntime({ directory }: TensorFlowPackage): boolean {
  return existsSync(join(directory, 'lib'));
}

/**
 * Why the package cannot work in this process whatever runtime it has, and what fixes it; undefined
 * where it can. See NOTE [functions of node:util that tfjs-node calls].
 */
export function nodeVersionProblem({
  name,
  version,
  directory,
}: TensorFlowPackage): { readonly problem: string; readonly remedy: string } | undefined {
  if ('isNullOrUndefined' in util) {
    return undefined;
  }
  const backend = readFileSync(join(directory, 'dist', 'nodejs_kernel_backend.js'), 'utf8');
  if (!backend.includes('util_1.isNullOrUndefined')) {
    return undefined;
  }
  const problem =
    `${name} ${version} does not work with Node ${process.version}: it calls ` +
    'util.isNullOrUndefined, which Node 23 and later no longer have, and ';
  return utilFunctions.skipped
    ? {
        problem: `${problem}TFJS_ALIG_SKIP_UTIL_FUNCTIONS=1 keeps tfjs-alig from setting it`,
        remedy: 'unset TFJS_ALIG_SKIP_UTIL_FUNCTIONS',
      }
    : {
        problem: `${problem}tfjs-alig could not set it: node:util is frozen`,
        remedy: 'find what freezes it (NODE_OPTIONS?), or take Node 22',
      };
}
