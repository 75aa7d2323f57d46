import { existsSync } from 'node:fs';
import { cp, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { buildEnvironment } from '#node-gyp';
import { commandLine, installCommand } from './package-manager.js';
import { explainBuildFailure, hasNvidiaDriver, missingCompiler } from '#toolchain';
import { exclusively, exclusivelyIfFree } from './exclusive.js';
import { probe, type ProbeFindings, type ProbeOutcome } from './probe.js';
import { silentProgress, type Progress } from './progress.js';
import { runCommand } from './run-command.js';
import { buildBinding } from './tensorflow-binding.js';
import { noCudaOnArm64, noGpuProblem, whyNoGpu } from './tensorflow-gpu.js';
import { verboseLoading } from './tensorflow-messages.js';
import {
  findTensorFlowPackage,
  hasRuntime,
  nodeVersionProblem,
  tensorFlowPackageName,
  type TensorFlowPackage,
} from './tensorflow-package.js';
import {
  addCudaLibraries,
  downloadWheel,
  extractRuntime,
  wheelForThisMachine,
  type Wheel,
} from './tensorflow-wheel.js';

export interface TensorFlowRuntimeOptions {
  /** Serve @tensorflow/tfjs-node-gpu in place of @tensorflow/tfjs-node. Default: false. */
  readonly gpu?: boolean;
  /**
   * Whether NVIDIA's driver is there: then a runtime of tfjs-node-gpu works only if TensorFlow uses the
   * GPU. Default: whether this machine has it.
   */
  readonly driver?: boolean;
  /** Rebuild the runtime even if a working one is there. Default: false. */
  readonly force?: boolean;
  /** The folder from which the package is resolved. Default: the current working directory. */
  readonly from?: string;
  /** Who is told how far the work is. Default: nobody. */
  readonly progress?: Progress;
  /** Ends the work early; nothing of it stays. */
  readonly signal?: AbortSignal | undefined;
}

export interface TensorFlowRuntime {
  readonly package: TensorFlowPackage;
  /** Whether this call made the runtime: false if a working one was there. */
  readonly installed: boolean;
  readonly tensorFlowVersion: string;
  /** Whether TensorFlow found a GPU that it can use. */
  readonly usesGpu: boolean;
}

/** What one attempt at a runtime works with. */
interface Attempt {
  readonly gpu: boolean;
  readonly driver: boolean;
  readonly logPath: string;
  readonly progress: Progress;
  readonly signal?: AbortSignal | undefined;
}

/** One way to a runtime: fills deps/ and lib/ of a copy of the package. */
interface Route {
  readonly name: string;
  fill(staging: string, attempt: Attempt): Promise<void>;
}

const stagingPrefix = '.tfjs-alig-staging-';
const lockName = '.tfjs-alig-lock';
const logName = 'tfjs-alig-runtime.log';

/** What makes the runtime. lib/ comes last when put in place: without it tfjs-node has none. */
const runtimeFolders = ['deps', 'lib'] as const;
const notPartOfThePackage = new Set<string>([...runtimeFolders, 'build', 'node_modules', logName]);

/** A host that takes longer to answer would take minutes to send 100 MB. */
const hostTimeoutMilliseconds = 4_000;

/** Where the package's own install script would download from. */
function ownDownloadAddress({ directory }: TensorFlowPackage): string {
  const constants = createRequire(import.meta.url)(
    join(directory, 'scripts', 'deps-constants.js'),
  ) as { customTFLibUri?: string };
  // The same variables in the same order as in the package's scripts/install.js, where an empty
  // one counts as not set.
  const { env } = process;
  const addresses = [
    constants.customTFLibUri,
    env.TFJS_NODE_BASE_URI,
    env.npm_config_TFJS_NODE_BASE_URI,
    env.TFJS_NODE_CDN_STORAGE,
    env.npm_config_TFJS_NODE_CDN_STORAGE,
    env.CDN_STORAGE,
  ];
  return addresses.find((address) => address) ?? 'https://storage.googleapis.com/';
}

/** Why the host cannot serve a download; undefined if it answers. */
async function hostProblem(address: string, signal?: AbortSignal): Promise<string | undefined> {
  const timeout = AbortSignal.timeout(hostTimeoutMilliseconds);
  try {
    const { status } = await fetch(address, {
      method: 'HEAD',
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
    // A storage host answers 400 or 404 to its bare root; these come from a proxy that refuses.
    const refused = [401, 403, 407, 451].includes(status) || status >= 500;
    return refused ? `${address} answered ${status}` : undefined;
  } catch (error) {
    signal?.throwIfAborted();
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return `${address} did not answer (${cause instanceof Error ? cause.message : String(cause)})`;
  }
}

/** The package's own install script, run in the staging folder as npm would run it. */
const ownDownloadRoute: Route = {
  name: "tfjs-node's own download",
  async fill(staging, { gpu, logPath, progress, signal }) {
    const path = [];
    for (let folder = dirname(staging); folder !== dirname(folder); folder = dirname(folder)) {
      path.push(join(folder, 'node_modules', '.bin'));
    }
    progress.begin("Running tfjs-node's own download and build");
    try {
      const { exitCode, output } = await runCommand({
        file: process.execPath,
        arguments: [join(staging, 'scripts', 'install.js'), gpu ? 'gpu' : 'cpu', 'download'],
        cwd: staging,
        environment: {
          ...buildEnvironment(),
          PATH: [...path, process.env.PATH ?? ''].join(delimiter),
        },
        logPath,
        signal,
      });
      if (exitCode !== 0) {
        throw new Error(`scripts/install.js failed: ${explainBuildFailure(output)}`);
      }
    } finally {
      progress.end();
    }
  },
};

function wheelRoute(wheel: Wheel): Route {
  return {
    name: `the wheel ${wheel.requirement}`,
    async fill(staging, { gpu, logPath, progress, signal }) {
      // Asked before 274 MB are loaded that nothing could be linked with.
      const missing = missingCompiler();
      if (missing) {
        throw new Error(missing);
      }
      const download = join(staging, 'download');
      const wheelPath = await downloadWheel(wheel, download, { logPath, progress, signal });
      await extractRuntime(wheelPath, join(staging, 'deps'), { progress, signal });
      // On arm64 the wheel has no CUDA kernels.
      if (gpu && process.arch === 'x64') {
        const options = { download, logPath, progress, signal };
        await addCudaLibraries(join(staging, 'deps'), options);
      }
      await rm(download, { recursive: true });
      progress.begin("Building tfjs-node's binding");
      try {
        await buildBinding(staging, { logPath, signal });
      } finally {
        progress.end();
      }
    },
  };
}

/**
 * The routes that can work here, the best first; rejects where there is none. For a GPU that is the wheel:
 * tfjs-node-gpu's own download is of TensorFlow 2.9.1 for CUDA 11.2, without CUDA's libraries.
 */
async function routesFor(
  found: TensorFlowPackage,
  { gpu, driver, progress, signal }: Attempt,
): Promise<Route[]> {
  const routes: Route[] = [];
  const problem = await hostProblem(ownDownloadAddress(found), signal);
  if (problem) {
    progress.say(`tfjs-node's own download is left out: ${problem}.`);
  } else {
    routes.push(ownDownloadRoute);
  }
  const wheel =
    gpu && driver && process.arch === 'arm64'
      ? { problem: noCudaOnArm64 }
      : wheelForThisMachine(gpu);
  if (!('problem' in wheel)) {
    routes.splice(gpu ? 0 : routes.length, 0, wheelRoute(wheel));
  } else if (problem) {
    throw new Error(
      `No TensorFlow runtime can be had here: ${problem}, and ${wheel.problem}. Run this again ` +
        'where that host can be reached, or set TFJS_NODE_CDN_STORAGE to a mirror of it.',
    );
  }
  return routes;
}

async function remove(folder: string): Promise<void> {
  // Retries, because a compiler that was just ended may still be writing its last file.
  await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}

/** The staging folders of killed attempts. */
async function leftovers(directory: string): Promise<string[]> {
  const names = await readdir(directory);
  return names
    .filter((name) => name.startsWith(stagingPrefix))
    .map((name) => join(directory, name));
}

async function removeLeftovers(directory: string): Promise<void> {
  for (const folder of await leftovers(directory)) {
    await remove(folder);
  }
}

/** Copies the package without its runtime into a folder inside it: both resolve the same modules. */
async function copyPackage(directory: string, staging: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const isOurs = name.startsWith(stagingPrefix) || name.startsWith(lockName);
    if (!notPartOfThePackage.has(name) && !isOurs) {
      await cp(join(directory, name), join(staging, name), { recursive: true });
    }
  }
}

/**
 * Moves the staged runtime into the package, the former one out of the way. Whenever this is
 * killed, either lib/ is not there, which is a package without a runtime, or both folders are those
 * of one runtime.
 */
async function putInPlace(staging: string, directory: string): Promise<void> {
  const moves = [
    ...runtimeFolders
      .toReversed()
      .map((name) => [join(directory, name), join(staging, `former-${name}`)] as const)
      .filter(([from]) => existsSync(from)),
    ...runtimeFolders.map((name) => [join(staging, name), join(directory, name)] as const),
  ];
  const moved: (typeof moves)[number][] = [];
  try {
    for (const [from, to] of moves) {
      await rename(from, to);
      moved.push([from, to]);
    }
  } catch (error) {
    for (const [from, to] of moved.toReversed()) {
      await rename(to, from);
    }
    throw error;
  }
}

/** Tries a runtime in a child process. Where there is a GPU to use, one that leaves it out fails. */
async function tryRuntime(
  directory: string,
  { gpu, driver, signal }: Pick<Attempt, 'gpu' | 'driver' | 'signal'>,
): Promise<ProbeOutcome<ProbeFindings['runtime']>> {
  const outcome = await probe('runtime', {
    tensorFlowDirectory: directory,
    environment: gpu ? verboseLoading : {},
    signal,
  });
  if (!outcome.ok || outcome.finding.usesGpu || !gpu || !driver) return outcome;
  const { errorOutput } = outcome;
  const command = commandLine('tensorflow --gpu');
  const problem = noGpuProblem(whyNoGpu(errorOutput, { directory }, { command, driver }));
  return { ok: false, problem, errorOutput };
}

async function verified(
  directory: string,
  attempt: Pick<Attempt, 'gpu' | 'driver' | 'signal'>,
): Promise<ProbeFindings['runtime']> {
  const outcome = await tryRuntime(directory, attempt);
  attempt.signal?.throwIfAborted();
  if (!outcome.ok) {
    throw new Error(`the new runtime does not work: ${outcome.problem}`);
  }
  return outcome.finding;
}

async function tryRoute(route: Route, directory: string, attempt: Attempt): Promise<void> {
  const staging = await mkdtemp(join(directory, stagingPrefix));
  try {
    await copyPackage(directory, staging);
    await route.fill(staging, attempt);
    // Before it goes into place, so that a runtime that does not work never takes one's place.
    await verified(staging, attempt);
    await putInPlace(staging, directory);
  } finally {
    await remove(staging);
  }
}

async function makeRuntime(found: TensorFlowPackage, attempt: Attempt): Promise<void> {
  const { progress, signal, logPath } = attempt;
  await rm(logPath, { force: true });
  const problems: string[] = [];
  for (const route of await routesFor(found, attempt)) {
    if (problems.length > 0) {
      progress.say(`Failed: ${problems.join('; ')}. Trying ${route.name}.`);
    }
    try {
      await tryRoute(route, found.directory, attempt);
      await rm(logPath, { force: true });
      return;
    } catch (error) {
      signal?.throwIfAborted();
      problems.push(`${route.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new Error(
    `No TensorFlow runtime could be made for ${found.name} in ${found.directory}; what was there ` +
      `is unchanged. ${problems.join('; ')}.${existsSync(logPath) ? ` Log: ${logPath}` : ''}`,
  );
}

/**
 * Sees to it that tfjs-node has a TensorFlow library and a binding that work here, checked by an op
 * in a child process. Where it has none, tfjs-node's own download is run if its host answers, else
 * both are made from TensorFlow's Python wheel (with `gpu` the other way round); all in a staging folder
 * in the package, renamed into place when it has passed the check. Two calls at once for one package take turns.
 *
 * Rejects, with the remedy in the message, where the package is not installed, Node lacks what
 * it calls, or no way to a runtime works; the former state is then kept.
 */
export async function ensureTensorFlowRuntime({
  gpu = false,
  driver = hasNvidiaDriver(),
  force = false,
  from = process.cwd(),
  progress = silentProgress,
  signal,
}: TensorFlowRuntimeOptions = {}): Promise<TensorFlowRuntime> {
  const name = tensorFlowPackageName(gpu);
  const found = findTensorFlowPackage(name, from);
  if (!found) {
    throw new Error(
      `${name} is not installed (looked for it from ${from}). Run: ${installCommand(name)} ` +
        '(with --ignore-scripts where its own download is blocked), and then this again.',
    );
  }
  const nodeProblem = nodeVersionProblem(found);
  if (nodeProblem) {
    throw new Error(`${nodeProblem.problem}. Fix: ${nodeProblem.remedy}`);
  }
  const { directory } = found;
  const lockPath = join(directory, lockName);
  const check = () => tryRuntime(directory, { gpu, driver, signal });

  const before = force ? undefined : await check();
  signal?.throwIfAborted();
  if (before?.ok) {
    if ((await leftovers(directory)).length > 0) {
      await exclusivelyIfFree(lockPath, () => removeLeftovers(directory));
    }
    return { package: found, installed: false, ...before.finding };
  }

  if (before && hasRuntime(found)) {
    progress.say(`The runtime of ${name} does not work: ${before.problem}`);
  }
  let waited = false;
  return exclusively(
    lockPath,
    async () => {
      await removeLeftovers(directory);
      const made = waited && !force ? await check() : undefined;
      if (made?.ok) {
        return { package: found, installed: false, ...made.finding };
      }
      progress.say(`Making a TensorFlow runtime for ${name} ${found.version} in ${directory}.`);
      const logPath = join(directory, logName);
      await makeRuntime(found, { gpu, driver, logPath, progress, signal });
      const finding = await verified(directory, { gpu, driver, signal });
      return { package: found, installed: true, ...finding };
    },
    {
      onWait: (holder) => {
        waited = true;
        progress.say(`Another command (${holder}) is making this runtime: waiting for its end.`);
      },
      signal,
    },
  );
}
