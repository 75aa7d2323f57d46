import { addonState } from './addon.js';

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

/**
 * What a program printed, without what TensorFlow logs at a level below TF_CPP_MIN_LOG_LEVEL:
 *
 *     WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
 *     I0000 00:00:1795881264.963969   14312 port.cc:153] oneDNN custom operations are on. ...
 */
export function withoutStartUpLines(output: string, minimalLevel: number): string {
  const dropped = ['I', 'W', 'E'].slice(0, minimalLevel).join('');
  if (dropped === '') return output;
  const startUpLine = new RegExp(
    `^(?:WARNING: All log messages before absl::InitializeLog\\(\\) |[${dropped}]\\d{4} [\\d:.]+ +\\d+ \\S+\\.cc:\\d+\\] ).*\\n?`,
    'gm',
  );
  return output.replace(startUpLine, '');
}

/**
 * Runs what loads TensorFlow, as TF_CPP_MIN_LOG_LEVEL says. TensorFlow 2.21 reads that variable too
 * late for what it logs while its library is loaded (that oneDNN is on, on processors with AVX-512),
 * so these lines are taken out here; all else that is printed meanwhile comes after it. Without the
 * add-on they are seen.
 */
export async function loadQuietly<Loaded>(load: () => Promise<Loaded>): Promise<Loaded> {
  const level = Number(process.env['TF_CPP_MIN_LOG_LEVEL'] ?? 0);
  const { addon } = addonState();
  const held = level > 0 && addon?.holdStandardError() === true;
  try {
    return await load();
  } finally {
    if (held) process.stderr.write(withoutStartUpLines(addon.releaseStandardError(), level));
  }
}
