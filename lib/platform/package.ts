import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What bundlers that write CommonJS leave of this module's address: nothing. */
const moduleAddress = import.meta.url as string | undefined;

// CommonJS's own name of the running file.
declare const __filename: string | undefined;

function findRunningFile(): string {
  if (moduleAddress?.startsWith('file:')) return fileURLToPath(moduleAddress);
  return typeof __filename === 'string' ? __filename : join(process.cwd(), 'bundle.js');
}

/** The file that runs: this module, or the bundle that it has become a part of. */
export const runningFile = findRunningFile();

/** Whether the package runs as a part of a bundle, and not from its own folder. */
export const isBundled = !runningFile.endsWith(join('dist', 'lib', 'platform', 'package.js'));

function findPackageRoot(): string {
  if (!isBundled) return join(dirname(runningFile), '..', '..', '..');
  try {
    return dirname(createRequire(runningFile).resolve('tfjs-alig/package.json'));
  } catch {
    return dirname(runningFile);
  }
}

/**
 * The installed package's own folder. Of a bundle it is the one that the bundle would find in its
 * node_modules, else the folder of the bundle.
 */
export const packageRoot = findPackageRoot();
