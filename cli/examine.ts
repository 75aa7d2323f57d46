import { existsSync } from 'node:fs';
import { findMpiCompiler, mpiPackages, type MpiCompiler } from '#mpi-engine';
import { headerSource, missingForBuild } from '#node-gyp';
import { commandLine } from '../lib/platform/package-manager.js';
import {
  findCompiler,
  findNvcc,
  findPython,
  hasNvidiaDriver,
  type Compiler,
  type Nvcc,
  type Python,
} from '#toolchain';
import type { EngineName } from '../lib/rules/report.js';
import { addonPaths, type Gpu } from '../lib/platform/addon.js';
import { examineCore, type CoreCopy } from './core-copies.js';
import type { Diagnosis } from './diagnosis.js';
import { packageVersion } from '../lib/platform/version.js';
import { probe, type ProbeFindings, type ProbeOutcome } from '../lib/platform/probe.js';
import {
  driverRemedy,
  hiddenGpuRemedy,
  whyNoGpu,
  type NoGpu,
} from '../lib/platform/tensorflow-gpu.js';
import { verboseLoading } from '../lib/platform/tensorflow-messages.js';
import {
  findTensorFlowPackage,
  hasRuntime,
  nodeVersionProblem,
  tensorFlowPackageName,
  type TensorFlowPackage,
} from '../lib/platform/tensorflow-package.js';
import { utilFunctions, type UtilFunctions } from '../lib/platform/util-functions.js';

/** One installed tfjs-node package. */
export interface TensorFlowDiagnosis {
  readonly package: TensorFlowPackage;
  /** TensorFlow's library and tfjs-node's binding to it. */
  readonly runtime: Diagnosis<ProbeFindings['runtime']>;
  /** The fused step as an op of that TensorFlow; null where the runtime or the add-on fails. */
  readonly registration: Diagnosis<ProbeFindings['registration']> | null;
  /** Why tfjs-node-gpu uses no GPU; null where it does, and for tfjs-node. */
  readonly noGpu: NoGpu | null;
}

/** The CUDA engine and what it needs. */
export interface CudaDiagnosis {
  readonly nvcc: Nvcc;
  /** The engine's own library, which nvcc builds; null where the add-on fails. */
  readonly library: Diagnosis<{ readonly path: string }> | null;
  /** NVIDIA's driver and GPUs, as the library sees them; null without the library. */
  readonly gpus: Diagnosis<{ readonly found: readonly Gpu[] }> | null;
}

/** The MPI engine and what it needs. */
export interface MpiDiagnosis {
  readonly compiler: MpiCompiler;
  /** The engine's own library, which MPI's compiler builds; null where the add-on fails. */
  readonly library: Diagnosis<ProbeFindings['mpi']> | null;
}

/** What a build of the add-on from source takes, which nobody needs whom the prebuilt one serves. */
export interface BuildDiagnosis {
  readonly compiler: Compiler;
  readonly python: Python;
  /** Where the headers of Node-API come from. */
  readonly headers: string;
  /** What has to be installed before a build can start; empty where nothing has. */
  readonly missing: readonly string[];
}

export interface DoctorReport {
  readonly platform: string;
  readonly architecture: string;
  readonly node: string;
  readonly nodeApi: string;
  /** What the package sets in node:util for tfjs-node. */
  readonly utilFunctions: UtilFunctions;
  readonly packageVersion: string;
  readonly build: BuildDiagnosis;
  /** The copy of tfjs-core that the project, this package and tfjs-node share. */
  readonly core: Diagnosis<CoreCopy>;
  readonly addon: Diagnosis<ProbeFindings['addon']>;
  readonly cuda: CudaDiagnosis;
  readonly mpi: MpiDiagnosis;
  /** One entry for each installed package of tfjs-node and tfjs-node-gpu. */
  readonly tensorFlow: readonly TensorFlowDiagnosis[];
  /** Which engine a step will use, by where its tensors live. */
  readonly engines: {
    /** Tensors of tfjs-node's backend; null where tfjs-node does not work here. */
    readonly tensorFlow: EngineName | null;
    /** Float32Arrays. */
    readonly hostArrays: EngineName;
    /** DeviceBuffers; null where there is no GPU. */
    readonly deviceBuffers: EngineName | null;
    /** Tensors of any other backend of TensorFlow.js. */
    readonly otherBackends: EngineName;
  };
  /** False if something that is installed is broken. */
  readonly healthy: boolean;
  /**
   * Whether a training works here with all that is installed: false also where tfjs-core, or the
   * TensorFlow library of an installed tfjs-node, is missing.
   */
  readonly canTrain: boolean;
}

/** What a build lacks on this machine, and the command that then makes the native parts. */
function buildRemedy(): string {
  const command = commandLine('build');
  const missing = missingForBuild();
  if (missing.length === 0) return command;
  const packages =
    process.platform === 'linux'
      ? ' (on Debian and Ubuntu: apt install build-essential python3)'
      : '';
  return `install what a build lacks${packages}: ${missing.join('; ')}. Then ${command}`;
}

function diagnose<Finding>(outcome: ProbeOutcome<Finding>, remedy: string): Diagnosis<Finding> {
  return outcome.ok
    ? { status: 'works', ...outcome.finding }
    : { status: 'broken', problem: outcome.problem, remedy };
}

function examineBuild(): BuildDiagnosis {
  return {
    compiler: findCompiler(),
    python: findPython(),
    headers: headerSource(),
    missing: missingForBuild(),
  };
}

async function examineAddon(): Promise<Diagnosis<ProbeFindings['addon']>> {
  if (!addonPaths().some((path) => existsSync(path))) {
    const problem = `no prebuilt one for this platform, and none was built (looked for ${addonPaths().join(', ')})`;
    return { status: 'missing', problem, remedy: buildRemedy() };
  }
  const outcome = await probe('addon');
  const [variable] = /\bTFJS_ALIG_[A-Z_]+/.exec(outcome.ok ? '' : outcome.problem) ?? [];
  return diagnose(outcome, variable === undefined ? buildRemedy() : `unset ${variable}`);
}

/** What fixes it where the engine's library finds no GPU. */
function gpuRemedy(problem: string): string {
  if (problem.includes('no NVIDIA driver')) {
    return driverRemedy;
  }
  return problem.includes('update the driver')
    ? 'install a newer NVIDIA driver, or build with an older CUDA: CUDA_HOME=... ' + buildRemedy()
    : hiddenGpuRemedy;
}

async function examineCuda(addonWorks: boolean): Promise<CudaDiagnosis> {
  const nvcc = findNvcc();
  if (!addonWorks) return { nvcc, library: null, gpus: null };
  const outcome = await probe('cuda');
  if (!outcome.ok) {
    const missing = /cannot open shared object file/.test(outcome.problem);
    const library = {
      status: missing ? 'missing' : 'broken',
      problem: missing ? 'it has not been built' : outcome.problem,
      remedy:
        nvcc.command === null
          ? `install the CUDA toolkit (https://developer.nvidia.com/cuda-downloads), then ${buildRemedy()}`
          : buildRemedy(),
    } as const;
    return { nvcc, library, gpus: null };
  }
  const { path, gpus, gpuProblem } = outcome.finding;
  return {
    nvcc,
    library: { status: 'works', path },
    gpus:
      gpuProblem === null
        ? { status: 'works', found: gpus }
        : { status: 'missing', problem: gpuProblem, remedy: gpuRemedy(gpuProblem) },
  };
}

async function examineMpi(addonWorks: boolean): Promise<MpiDiagnosis> {
  const compiler = findMpiCompiler();
  if (!addonWorks) return { compiler, library: null };
  const outcome = await probe('mpi');
  if (outcome.ok) return { compiler, library: { status: 'works', ...outcome.finding } };
  const missing = /cannot open shared object file/.test(outcome.problem);
  const remedy =
    compiler.command === null
      ? `install MPI (on Debian and Ubuntu: apt install ${mpiPackages}), then ${buildRemedy()}`
      : buildRemedy();
  const { problem } = outcome;
  return { compiler, library: { status: missing ? 'missing' : 'broken', problem, remedy } };
}

async function examineTensorFlow(
  found: TensorFlowPackage,
  addonWorks: boolean,
): Promise<TensorFlowDiagnosis> {
  const nodeProblem = nodeVersionProblem(found);
  if (nodeProblem) {
    const runtime = { status: 'broken', ...nodeProblem } as const;
    return { package: found, runtime, registration: null, noGpu: null };
  }
  const { directory } = found;
  const gpu = found.name === tensorFlowPackageName(true);
  const command = commandLine(`tensorflow${gpu ? ' --gpu' : ''}`);
  if (!hasRuntime(found)) {
    const problem = `${found.name} ${found.version} has no TensorFlow library yet`;
    const runtime = { status: 'missing', problem, remedy: command } as const;
    return { package: found, runtime, registration: null, noGpu: null };
  }
  const outcome = await probe('runtime', {
    tensorFlowDirectory: directory,
    environment: gpu ? verboseLoading : {},
  });
  const runtime = diagnose(outcome, command);
  const registration =
    runtime.status === 'works' && addonWorks
      ? diagnose(await probe('registration', { tensorFlowDirectory: directory }), buildRemedy())
      : null;
  const noGpu =
    gpu && runtime.status === 'works' && !runtime.usesGpu
      ? whyNoGpu(outcome.errorOutput, found, { command, driver: hasNvidiaDriver() })
      : null;
  return { package: found, runtime, registration, noGpu };
}

function tensorFlowEngine(tensorFlow: readonly TensorFlowDiagnosis[]): EngineName | null {
  const engines = tensorFlow.flatMap(({ runtime, registration }): EngineName[] => {
    if (runtime.status !== 'works') return [];
    if (registration?.status !== 'works') return ['portable'];
    return [runtime.usesGpu ? 'tensorflow-cuda' : 'tensorflow-cpu'];
  });
  const best = (['tensorflow-cuda', 'tensorflow-cpu', 'portable'] as const).find((name) =>
    engines.includes(name),
  );
  return best ?? null;
}

/**
 * Examines what the package needs and has on this machine: add-on, tfjs-core, TensorFlow as seen
 * from the folder `from` (default: the current one). Everything is tried in child processes, so a
 * crash is a finding. Never rejects for something that is missing or broken.
 */
export async function examine(from: string = process.cwd()): Promise<DoctorReport> {
  const packages = [false, true].flatMap(
    (gpu) => findTensorFlowPackage(tensorFlowPackageName(gpu), from) ?? [],
  );
  const core = examineCore(from, packages);
  const addon = await examineAddon();
  const addonWorks = addon.status === 'works';
  const [cuda, mpi, tensorFlow] = await Promise.all([
    examineCuda(addonWorks),
    examineMpi(addonWorks),
    Promise.all(packages.map((found) => examineTensorFlow(found, addonWorks))),
  ]);
  const diagnoses = [
    core,
    addon,
    cuda.library ?? [],
    cuda.gpus ?? [],
    mpi.library ?? [],
    ...tensorFlow.flatMap(({ runtime, registration }) => [runtime, registration ?? []]),
  ].flat();
  const healthy = diagnoses.every(({ status }) => status !== 'broken');
  return {
    platform: process.platform,
    architecture: process.arch,
    node: process.version,
    nodeApi: process.versions.napi ?? 'unknown',
    utilFunctions,
    packageVersion,
    build: examineBuild(),
    core,
    addon,
    cuda,
    mpi,
    tensorFlow,
    engines: {
      tensorFlow: tensorFlowEngine(tensorFlow),
      hostArrays: addonWorks ? 'native-cpu' : 'typescript',
      deviceBuffers: cuda.gpus?.status === 'works' ? 'native-cuda' : null,
      otherBackends: 'portable',
    },
    healthy,
    canTrain:
      healthy &&
      core.status === 'works' &&
      tensorFlow.every(({ runtime }) => runtime.status === 'works'),
  };
}
