import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';

/** The package under test: this file runs as dist/test/platform/folders.js in it. */
export const packageRoot = fileURLToPath(new URL('../../../', import.meta.url));

/** A new folder, its links resolved; it goes with the test. */
export function temporaryFolder(t: ExecutionContext): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'tfjs-alig-test-')));
  t.teardown(() => {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  });
  return folder;
}

interface TensorFlowCopy {
  /** Whether the copy is of tfjs-node-gpu. Default: false. */
  readonly gpu?: boolean;
  /**
   * The folder that is copied. Default: that of tfjs-node, also for tfjs-node-gpu: in 4.22.0 the two differ in
   * their package.json alone.
   */
  readonly source?: string;
}

/**
 * A project with its own copy of @tensorflow/tfjs-node, without a runtime, and links to everything
 * else that is installed here; its path has a space. Returns the project's and the copy's folder.
 */
export function projectWithTensorFlow(
  t: ExecutionContext,
  { gpu = false, source }: TensorFlowCopy = {},
): { project: string; copy: string } {
  const project = join(temporaryFolder(t), 'a project');
  const scope = join('node_modules', '@tensorflow');
  const copy = join(project, scope, gpu ? 'tfjs-node-gpu' : 'tfjs-node');
  mkdirSync(join(project, scope), { recursive: true });
  for (const folder of ['node_modules', scope]) {
    for (const name of readdirSync(join(packageRoot, folder))) {
      if (name !== '@tensorflow' && name !== 'tfjs-node') {
        symlinkSync(join(packageRoot, folder, name), join(project, folder, name));
      }
    }
  }
  const runtimeParts = new Set(['deps', 'lib', 'build']);
  const installed = join(packageRoot, scope, 'tfjs-node');
  const folder = source ?? installed;
  for (const name of readdirSync(folder)) {
    if (!runtimeParts.has(name) && !name.startsWith('.tfjs-alig')) {
      cpSync(join(folder, name), join(copy, name), { recursive: true });
    }
  }
  if (source !== undefined) {
    // The dependencies that npm has put into the package: both have the same.
    cpSync(join(installed, 'node_modules'), join(copy, 'node_modules'), { recursive: true });
  }
  if (gpu && source === undefined) {
    const path = join(copy, 'package.json');
    const manifest = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
    const own = { name: '@tensorflow/tfjs-node-gpu', scripts: {} };
    writeFileSync(path, JSON.stringify({ ...manifest, ...own }));
  }
  return { project, copy };
}

/** A copy of the package with its compiled code and its install scripts, but no add-on. */
export function packageWithoutAddon(t: ExecutionContext): string {
  const copy = temporaryFolder(t);
  for (const name of [
    'package.json',
    'install',
    join('lib', 'platform', 'addon-files.js'),
    join('lib', 'platform', 'package-manager.js'),
    join('dist', 'lib'),
    join('dist', 'cli'),
    join('dist', 'experiments'),
  ]) {
    cpSync(join(packageRoot, name), join(copy, name), { recursive: true });
  }
  symlinkSync(join(packageRoot, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

/** A copy of the package whose add-on is one small C file, so that its build takes a second. */
export function packageWithAddonSource(t: ExecutionContext, source: string): string {
  const folder = packageWithoutAddon(t);
  const headers = "['node_modules/node-api-headers/include']";
  const target = `'target_name': 'tfjs_alig', 'sources': ['addon.c'], 'include_dirs': ${headers}`;
  writeFileSync(join(folder, 'binding.gyp'), `{ 'targets': [{ ${target} }] }`);
  writeFileSync(join(folder, 'addon.c'), source);
  return folder;
}

/**
 * What NODE_OPTIONS has to be for a process that lacks what Node 23 took away and released
 * tfjs-node calls.
 */
export function withoutIsNullOrUndefined(t: ExecutionContext): string {
  const script = join(temporaryFolder(t), 'node-23.cjs');
  writeFileSync(script, "delete require('node:util').isNullOrUndefined;\n");
  return `--require=${script}`;
}

/** The names in a folder that an attempt at a runtime makes: staging folders, deps, lib, the log. */
export function runtimeTraces(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => name.includes('tfjs-alig') || name === 'deps' || name === 'lib')
    .sort();
}
