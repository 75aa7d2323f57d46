import { dirname, join, resolve } from 'node:path';
import { addonName, builtAddon, prebuiltAddon } from './addon-files.js';
import { commandLine } from './package-manager.js';
import { isBundled, packageRoot, requireHere, runningFile } from './package.js';
import { packageVersion } from './version.js';
// Here, because this is the one file that all of the package loads in Node and bundles for browsers
// leave out.
import './util-functions.js';

/** One array in the memory of the GPU, or the result of one step there; opaque. */
export type DeviceMemory = object & { readonly __brand: 'memory of the GPU' };

/** What Addon.prepareStep makes; opaque. */
export type PreparedStep = object & { readonly __brand: 'a prepared step' };

/** A GPU that this process can use. */
export interface Gpu {
  readonly name: string;
  /** Major and minor number, as in '9.0'. */
  readonly computeCapability: string;
  /** In bytes. */
  readonly memory: number;
}

/** What an add-on says of one of its rules. */
export interface RuleLayout {
  readonly name: string;
  /** The names in order, with a comma and a space between them. */
  readonly settings: string;
  readonly groupSettings: string;
  /** How many arrays of state it has, and how many sums. */
  readonly states: number;
  readonly sums: number;
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
  /** The rules that the add-on was built with, by their numbers. */
  readonly rules: readonly RuleLayout[];
  /**
   * A step in place over the same arrays each time. `input` is laid out as native/engine/step_input.h
   * says; `state` has the rule's arrays of each tensor, one tensor after the other; `groups` is empty
   * where all tensors are of the first; a gradient is null where there is none. `shards` is empty
   * where this process makes the whole step, else laid out as native/mpi/rank_shards.h says; `state` then
   * has this rank's shards. The arrays are not kept alive, and must keep their memory.
   *
   * With `lookForOverlap` it gives, where two arrays share memory, their places in the three lists one
   * after the other. It compares addresses: a block of memory may be seen through several buffers.
   */
  prepareStep(
    parameters: readonly Float32Array[],
    gradients: readonly (Float32Array | null)[],
    state: readonly Float32Array[],
    groups: Int32Array,
    input: Int32Array,
    shards: Int32Array,
    lookForOverlap: boolean,
  ): PreparedStep | [number, number];
  /** Makes a step. `result` is laid out as native/engine/report.h says. */
  step(prepared: PreparedStep, loss: number, result: Int32Array): void;
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
  /** As {@link registerTensorFlowOp}, the op that averages tensors over the ranks; native/tensorflow/average_op.cc. */
  registerTensorFlowAverageOp(): string;
  /** As {@link registerTensorFlowCudaOp}, the op that averages tensors of a GPU. */
  registerTensorFlowCudaAverageOp(deviceType: 'GPU' | 'CPU'): string;
  /**
   * Holds back what the process writes to its standard error, and says whether it does: not where it
   * is held already, nor on Windows.
   */
  holdStandardError(): boolean;
  /** Ends that and returns what was written. */
  releaseStandardError(): string;
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
  /** Where memory lies, for the tables of `cudaStep`. */
  cudaAddress(memory: DeviceMemory): number;
  /**
   * Enqueues a step on the GPU; returns the memory of its result. `table` has a row a tensor: its
   * number of elements, its group, and the addresses of parameter, gradient (0: none) and state. What
   * they name must not be disposed of.
   */
  cudaStep(table: Float64Array, loss: number, input: Int32Array): DeviceMemory;
  /** Waits for a step and reads its result. */
  cudaResult(memory: DeviceMemory, result: Int32Array): void;
  /**
   * Loads the MPI engine's library at the first call, without starting MPI. Never throws: `problem` says
   * why there is none, or is null.
   */
  getMpiLibrary(): { readonly path: string; readonly problem: string | null };
  /** Starts MPI once a process; the functions below, which native/mpi/library.h explains, come after it. */
  mpiOpen(): { readonly rank: number; readonly size: number; readonly library: string };
  /** The records of all ranks, one after the other. */
  mpiExchange(record: Uint8Array, size: number, seconds: number): Uint8Array;
  mpiAverage(
    arrays: readonly Float32Array[],
    results: readonly Float32Array[],
    size: number,
    fast: boolean,
    seconds: number,
  ): void;
  /**
   * Averages arrays in the memory of the GPU. `table` has a row an array: its number of elements, its
   * address, and that of its average. `terms` as native/mpi/exchange_terms.h says.
   */
  mpiAverageOnGpu(table: Float64Array, terms: Int32Array): void;
  /** Where a rank's shard of an array begins and ends; without MPI. */
  mpiShard(size: number, first: number, rank: number, ranks: number): [number, number];
  /** Fills arrays of which each rank has its shard. */
  mpiGather(arrays: readonly Float32Array[], firsts: Int32Array, seconds: number): void;
  /** The bytes of the root. */
  mpiBroadcast(bytes: Uint8Array, root: number, seconds: number): Uint8Array;
  /** On a thread of Node's pool, as the other two, with a copy of the bytes. */
  mpiExchangeLater(record: Uint8Array, size: number, seconds: number): Promise<Uint8Array>;
  mpiBroadcastLater(bytes: Uint8Array, root: number, seconds: number): Promise<Uint8Array>;
  /** The bytes of float32, or of doubles. */
  mpiSumLater(bytes: Uint8Array, doubles: boolean, seconds: number): Promise<Uint8Array>;
  /** Whether the last records of all others have come. */
  mpiLeave(record: Uint8Array, seconds: number): boolean;
  mpiFinalize(): void;
}

/** One place where the add-on was looked for, and why it could not be used from there. */
export interface LoadAttempt {
  readonly path: string;
  readonly problem: string;
}

export type AddonState =
  | {
      readonly addon: Addon;
      readonly path: string;
      /** How to get another one. */ readonly remedy: string;
    }
  | { readonly addon: null; readonly attempts: readonly LoadAttempt[]; readonly report: string };

/**
 * Where the add-on is looked for, in this order: what TFJS_ALIG_ADDON names, and nothing else then; a
 * bundle's own folder; the package's, where one that was built there goes first.
 */
export function addonPaths(): readonly string[] {
  const { TFJS_ALIG_ADDON: chosen } = process.env;
  if (chosen) return [resolve(chosen)];
  return [
    ...(isBundled ? [join(dirname(runningFile), addonName)] : []),
    builtAddon(packageRoot, 'Release'),
    builtAddon(packageRoot, 'Debug'),
    prebuiltAddon(packageRoot),
  ];
}

function remedy(): string {
  if (process.env.TFJS_ALIG_ADDON) return 'TFJS_ALIG_ADDON has to name the file, or to be unset.';
  return isBundled
    ? `This program is a bundle (${runningFile}): copy the add-on of the installed package ` +
        `(${prebuiltAddon(join('node_modules', 'tfjs-alig'))}) into its folder, let ` +
        'TFJS_ALIG_ADDON name it, or leave tfjs-alig out of the bundle (external).'
    : `To build it, run: ${commandLine('build')}`;
}

function explain(attempts: readonly LoadAttempt[]): string {
  const tried = attempts.map(({ path, problem }) => `  ${path}\n    ${problem}`).join('\n');
  return (
    `The native add-on of tfjs-alig could not be loaded (${process.platform}-${process.arch}, ` +
    `Node ${process.version}, Node-API ${process.versions.napi ?? 'unknown'}). Tried:\n${tried}\n` +
    `Training goes on with the engines that need no add-on, which are slower. ${remedy()}`
  );
}

function findAddon(): AddonState {
  const attempts: LoadAttempt[] = [];
  for (const path of addonPaths()) {
    try {
      const addon = requireHere(path) as Addon;
      if (addon.version === packageVersion) {
        return { addon, path, remedy: remedy() };
      }
      attempts.push({
        path,
        problem: `built from version ${addon.version}, this package is ${packageVersion}`,
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
