/** A C++ compiler that answered `--version`, or what is missing, as the middle of a sentence. */
export type Compiler =
  | { readonly command: string; readonly version: string }
  | { readonly command: null; readonly missing: string };

/** CUDA's compiler, or what is missing, as a sentence without its full stop. */
export type Nvcc =
  | { readonly command: string; readonly version: string }
  | { readonly command: null; readonly missing: string };

/** Python 3, or what is missing, as the middle of a sentence. */
export type Python =
  | { readonly command: string; readonly version: string }
  | { readonly command: null; readonly missing: string };

/** Finds the compiler that CXX names, else g++, c++ or clang++ on the PATH. Never throws. */
export function findCompiler(): Compiler;

/**
 * Says what is missing where a build cannot start for want of a compiler; undefined where it can,
 * and on Windows, where only node-gyp knows how to find one.
 */
export function missingCompiler(): string | undefined;

/** Negative where a version such as 12.9.1, or a name that ends with one, is older than the other. */
export function compareVersions(one: string, other: string): number;

/** A program of the CUDA toolkit that answered `--version`, and its answer, or what is missing. */
export type CudaProgram =
  | { readonly command: string; readonly text: string }
  | { readonly command: null; readonly missing: string };

/**
 * Finds a program of the CUDA toolkit: in the folders that CUDA_HOME and CUDA_PATH name and nowhere else
 * where one of them is set, else on the PATH, in /usr/local/cuda and in /usr/local/cuda-*, the newest
 * first. Never throws.
 *
 * @param installFolder in place of /usr/local
 */
export function findCudaProgram(name: string, installFolder?: string): CudaProgram;

/** Finds CUDA's compiler, by {@link findCudaProgram}. */
export function findNvcc(): Nvcc;

/** Whether NVIDIA's driver runs on this machine: its kernel module makes /dev/nvidiactl. */
export function hasNvidiaDriver(): boolean;

/** Says that cmake, which builds the CUDA engine, is missing; undefined where it is there. */
export function missingCMake(): string | undefined;

/** Finds the Python 3 that node-gyp would take. Never throws. */
export function findPython(): Python;

/** Says that make is missing; undefined where it is there, and on Windows, which needs none. */
export function missingMake(): string | undefined;

/** What a failed build's log says is missing or wrong, in one line. */
export function explainBuildFailure(log: string): string;

/** The last lines of a log, 40 by default. */
export function logEnd(log: string, lineCount?: number): string;
