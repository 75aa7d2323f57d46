/** A library that TensorFlow wanted for its GPU and could not load. */
export interface UnloadedLibrary {
  readonly name: string;
  /** In the words of the dynamic loader. */
  readonly problem: string;
}

/**
 * What makes TensorFlow print the messages that {@link unloadedLibraries} reads: since 2.11 they are
 * for its own developers alone.
 */
export const verboseLoading = { TF_CPP_MIN_LOG_LEVEL: '0', TF_CPP_VMODULE: 'dso_loader=1' };

/**
 * The libraries that TensorFlow says it failed to load, each once, in what it printed:
 *
 *     Could not load dynamic library 'libcudnn.so.9'; dlerror: libcudnn.so.9: cannot open shared
 *     object file: No such file or directory; LD_LIBRARY_PATH: ...
 */
export function unloadedLibraries(output: string): UnloadedLibrary[] {
  const found = new Map<string, string>();
  for (const [, name, problem] of output.matchAll(
    /Could not load dynamic library '([^']+)'; dlerror: ([^;\n]+)/g,
  )) {
    found.set(name!, problem!.trim());
  }
  return Array.from(found, ([name, problem]) => ({ name, problem }));
}

/** Why TensorFlow uses no GPU, in its own words where it says so; else undefined. */
export function gpuComplaint(output: string): string | undefined {
  return /Could not find cuda drivers on your machine|Cannot dlopen some GPU libraries|failed call to cuInit: [^\n]+/.exec(
    output,
  )?.[0];
}
