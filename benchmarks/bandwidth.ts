import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeGypCommand } from '#node-gyp';

/** Loops over whole arrays that do nothing but move memory: benchmarks/bandwidth/bandwidth.cc. */
export interface Bandwidth {
  /** Reads a: 4 bytes an element. */
  read(a: Float32Array, threads: number): number;
  /** b = a: 8 bytes an element. */
  copy(a: Float32Array, b: Float32Array, threads: number): void;
  /** Whether this processor has stores that go past the caches: x86. Else these do not exist. */
  readonly hasStreamingStores: boolean;
  /** b = a with streaming stores. */
  copyStreaming(a: Float32Array, b: Float32Array, threads: number): void;
  /** c = a + 3 * b: 12 bytes an element. */
  triad(a: Float32Array, b: Float32Array, c: Float32Array, threads: number): void;
  /**
   * Reads and writes what a step has to; in place where `newParameter` is `parameter`, without
   * momentum where `velocity` is null.
   */
  stepPasses(
    gradient: Float32Array,
    parameter: Float32Array,
    newParameter: Float32Array,
    velocity: Float32Array | null,
    projecting: boolean,
    streaming: boolean,
    threads: number,
  ): number;
}

const require = createRequire(import.meta.url);
const folder = fileURLToPath(new URL('../../benchmarks/bandwidth/', import.meta.url));

/** Builds the module with node-gyp. */
function build(): void {
  const command = nodeGypCommand(['rebuild', '--directory', folder]);
  const { status, stdout, stderr } = spawnSync(command.file, command.arguments, {
    encoding: 'utf8',
    env: command.environment,
  });
  if (status !== 0) {
    throw new Error(`The bandwidth floor of the benchmark can't be built:\n${stdout}${stderr}`);
  }
}

/** Loads the module, which is built first where it is missing or older than its source. */
export function loadBandwidth(): Bandwidth {
  const built = join(folder, 'build/Release/bandwidth.node');
  const newest = Math.max(
    ...['bandwidth.cc', 'binding.gyp', '../../native/cpu/thread_pool.cc'].map(
      (name) => statSync(join(folder, name)).mtimeMs,
    ),
  );
  if (!existsSync(built) || statSync(built).mtimeMs < newest) build();
  return require(built) as Bandwidth;
}
