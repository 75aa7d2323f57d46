import type { ChildCommand } from './node-gyp.js';

/** nvcc as findNvcc has found it. */
export interface FoundNvcc {
  readonly command: string;
  readonly version: string;
}

/** The file that is built. */
export const libraryName: string;

/** nvcc's flags for the architectures of native/cuda/architectures.txt that this version knows. */
export function architectureFlags(nvccVersion: string): string[];

/** One call of nvcc, in the package's folder, that makes the library as `target`. */
export function nvccCommand(settings: {
  readonly nvcc: FoundNvcc;
  readonly target: string;
  /** More flags. */
  readonly flags?: readonly string[];
}): ChildCommand;

/** Why the build does not go through cmake-js, with the remedy; undefined where it does. */
export function missingForCMake(): string | undefined;

/**
 * Builds the library in a folder: with cmake-js where that and CMake are there, else by nvccCommand.
 * Returns what the last command gave. Throws where there are options and no cmake-js.
 */
export function buildCudaEngine<Result extends { readonly ok: boolean }>(settings: {
  readonly nvcc: FoundNvcc;
  /** Where the library then lies. */
  readonly folder: string;
  /** More flags for nvcc. */
  readonly flags?: readonly string[];
  /** Those of cmake-js, as `--CDCMAKE_CUDA_ARCHITECTURES=90`. */
  readonly options?: readonly string[];
  /** Runs a command in the package's folder. */
  readonly run: (command: ChildCommand) => Result;
}): Result;
