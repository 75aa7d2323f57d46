import { mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { explainBuildFailure, findCompiler } from '#toolchain';
import { runCommand } from './run-command.js';

/** The sources of tfjs-node's binding, as its binding.gyp has them. */
const sources = ['tfjs_backend.cc', 'tfjs_binding.cc'].map((name) => join('binding', name));

/**
 * Compiles and links tfjs-node's binding to the TensorFlow library in deps/ of the package folder
 * `directory`, where the package looks for it. Rejects with what is missing or wrong.
 *
 * NOTE [tfjs-node's binding without node-gyp]
 * It is two C++ files, and the wheels are for Linux alone, so that the compiler is called directly, for
 * 9 s of processor time. node-gyp takes 12 s, Python, make and Node's headers, which it downloads, and
 * fails in a folder whose path has a space: make splits the absolute path in tfjs-node's binding.gyp.
 */
export async function buildBinding(
  directory: string,
  { logPath, signal }: { logPath: string; signal?: AbortSignal | undefined },
): Promise<void> {
  const compiler = findCompiler();
  if (compiler.command === null) {
    throw new Error(compiler.missing);
  }
  const [file = '', ...prefixArguments] = compiler.command.split(/\s+/);
  const { include_dir: nodeApiHeaders } = createRequire(import.meta.url)('node-api-headers') as {
    include_dir: string;
  };
  // Node-API 8 is the newest that tfjs-node asks for, and names the folder where it then looks.
  const folder = join('lib', 'napi-v8');
  await mkdir(join(directory, folder), { recursive: true });
  const { exitCode, output } = await runCommand({
    file,
    arguments: [
      ...prefixArguments,
      ...['-shared', '-fPIC', '-O3', '-std=c++17', '-pthread'],
      ...['-DNAPI_VERSION=8', '-DNODE_GYP_MODULE_NAME=tfjs_binding', '-DBUILDING_NODE_EXTENSION'],
      ...['-I', nodeApiHeaders, '-I', join('deps', 'include')],
      ...sources,
      ...['-o', join(folder, 'tfjs_binding.node')],
      ...['-L', join('deps', 'lib'), '-Wl,-rpath,$ORIGIN/../../deps/lib'],
      ...['-ltensorflow', '-ltensorflow_framework'],
    ],
    cwd: directory,
    environment: process.env,
    logPath,
    signal,
  });
  if (exitCode !== 0) {
    throw new Error(`tfjs-node's binding could not be built: ${explainBuildFailure(output)}`);
  }
}
