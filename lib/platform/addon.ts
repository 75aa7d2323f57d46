import { createRequire } from 'node:module';
import { join } from 'node:path';
import { packageRoot, packageVersion } from './package.js';

/** One array in the memory of the GPU, or the report of one step there; opaque. */
export type DeviceMemory = object & { readonly __brand: 'memory of the GPU' };

/** A GPU that this process can use. */
export interface Gpu {
  readonly name: string;
  /** Major and minor number, as in '9.0'. */
  readonly computeCapability: string;
  /** In bytes. */
  readonly memory: number;
}

/** The Node-API add-on: native/node/addon.cc. Lists are parallel: one entry a tensor. */
export interface Addon {
  /** Version of the package that the add-on was compiled from. */
  readonly version: string;
  /** Instruction sets that this build has and this machine can run, the best one last. */
  readonly instructionSets: readonly string[];
  getInstructionSet(): string;
  setInstructionSet(name: string): void;
  getThreadCount(): number;
  /** How many of them a step over so many parameters takes. */
  threadsOf(elements: number): number;
  setThreadCount(count: number): void;
  /**
   * One ALI-G step in place. `settings` and `report` are laid out as native/rules/alig.h says;
   * `velocities` is empty without momentum; a gradient is null where there is none.
   */
  aliGStep(
    parameters: readonly Float32Array[],
    gradients: readonly (Float32Array | null)[],
    velocities: readonly Float32Array[],
    loss: number,
    settings: Float32Array,
    report: Float32Array,
  ): void;
  /**
   * Registers the TensorFlow op once a process and returns its name.
   * Throws where tfjs-node's TensorFlow is not loaded or lacks a function that is needed.
   */
  registerTensorFlowOp(): string;
  /**
   * The same with a kernel that runs the CUDA engine. 'CPU' is for tests without a GPU: an op of
   * another name, whose kernel runs on TensorFlow's CPU device. Throws also where there is no GPU.
   */
  registerTensorFlowCudaOp(deviceType: 'GPU' | 'CPU'): string;
  /**
   * Loads the CUDA engine's library at the first call. Never throws: `problem` says why there is
   * none, or is null.
   */
  getCudaLibrary(): { readonly path: string; readonly problem: string | null };
  /** The GPUs, at least one; throws with the reason where there is none. As all that follows. */
  getCudaDevices(): Gpu[];
  /** Memory for `length` float32; its values are undefined. */
  cudaAllocate(length: number): DeviceMemory;
  /** Frees memory once nothing uses it any more; nothing the second time. */
  cudaDispose(memory: DeviceMemory): void;
  cudaUpload(memory: DeviceMemory, values: Float32Array): void;
  cudaSetZero(memory: DeviceMemory): void;
  cudaDownload(memory: DeviceMemory, values: Float32Array): void;
  /** Enqueues a copy on the GPU. */
  cudaCopy(to: DeviceMemory, from: DeviceMemory): void;
  /** As `aliGStep`, enqueued on the GPU; returns the memory of its report. */
  cudaStep(
    parameters: readonly DeviceMemory[],
    gradients: readonly (DeviceMemory | null)[],
    velocities: readonly DeviceMemory[],
    loss: number,
    settings: Float32Array,
  ): DeviceMemory;
  /** Waits for a step and reads its report. */
  cudaReport(report: DeviceMemory, fields: Float32Array): void;
}

/** One place where the add-on was looked for, and why it could not be used from there. */
export interface LoadAttempt {
  readonly path: string;
  readonly problem: string;
}

export type AddonState =
  | { readonly addon: Addon; readonly path: string }
  | { readonly addon: null; readonly attempts: readonly LoadAttempt[]; readonly report: string };

const require = createRequire(import.meta.url);

/** Where the add-on is looked for, in this order. */
export const addonPaths: readonly string[] = ['Release', 'Debug'].map((configuration) =>
  join(packageRoot, 'build', configuration, 'tfjs_alig.node'),
);

function explain(attempts: readonly LoadAttempt[]): string {
  const tried = attempts.map(({ path, problem }) => `  ${path}\n    ${problem}`).join('\n');
  return (
    `The native add-on of tfjs-alig could not be loaded (${process.platform}-${process.arch}, ` +
    `Node ${process.version}, Node-API ${process.versions.napi ?? 'unknown'}). Tried:\n${tried}\n` +
    'Training goes on with the engines that need no add-on, which are slower. ' +
    'To build it, run: npx tfjs-alig build'
  );
}

function findAddon(): AddonState {
  const attempts: LoadAttempt[] = [];
  for (const path of addonPaths) {
    try {
      const addon = require(path) as Addon;
      if (addon.version === packageVersion()) {
        return { addon, path };
      }
      attempts.push({
        path,
        problem: `built from version ${addon.version}, this package is ${packageVersion()}`,
      });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      // Where a file is missing, require adds who asked for it.
      attempts.push({ path, problem: message.split('\n', 1)[0]! });
    }
  }
  return { addon: null, attempts, report: explain(attempts) };
}

let state: AddonState | undefined;

/** Loads the native add-on at the first call; never throws: what went wrong is in the result. */
export function addonState(): AddonState {
  state ??= findAddon();
  return state;
}
