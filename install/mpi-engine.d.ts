import type { ChildCommand } from './node-gyp.js';

/** Debian's packages with which the MPI engine is built and run. */
export const mpiPackages: string;

/** MPI's C++ compiler, or what is missing. */
export type MpiCompiler =
  { readonly command: string } | { readonly command: null; readonly missing: string };

/** Finds MPI's C++ compiler: what MPICXX names, else mpicxx. Never throws. */
export function findMpiCompiler(): MpiCompiler;

/** Builds the engine's library in a folder. Returns what the compiler's call gave. */
export function buildMpiEngine<Result extends { readonly ok: boolean }>(settings: {
  readonly compiler: { readonly command: string };
  /** Where the library then lies. */
  readonly folder: string;
  /** Runs a command in the package's folder. */
  readonly run: (command: ChildCommand) => Result;
}): Result;
