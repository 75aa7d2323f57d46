import { existsSync } from 'node:fs';
import { findCompiler, type Compiler } from '#toolchain';
import type { EngineName } from '../step/report.js';
import { addonPaths } from './addon.js';
import { packageVersion } from './package.js';
import { probe, type ProbeFindings, type ProbeOutcome } from './probe.js';
import {
  findTensorFlowPackage,
  hasRuntime,
  nodeVersionProblem,
  tensorFlowPackageName,
  type TensorFlowPackage,
} from './tensorflow-package.js';

/**
 * Something that was looked at: it works; it is not there, which only costs speed; or it is there
 * and fails.
 */
export type Diagnosis<Finding> =
  | ({ readonly status: 'works' } & Finding)
  | { readonly status: 'missing' | 'broken'; readonly problem: string; readonly remedy: string };

/** One installed tfjs-node package. */
export interface TensorFlowDiagnosis {
  readonly package: TensorFlowPackage;
  /** TensorFlow's library and tfjs-node's binding to it. */
  readonly runtime: Diagnosis<ProbeFindings['runtime']>;
  /** The fused step as an op of that TensorFlow; null where the runtime or the add-on fails. */
  readonly registration: Diagnosis<ProbeFindings['registration']> | null;
}

export interface DoctorReport {
  readonly platform: string;
  readonly architecture: string;
  readonly node: string;
  readonly nodeApi: string;
  readonly packageVersion: string;
  readonly compiler: Compiler;
  readonly addon: Diagnosis<ProbeFindings['addon']>;
  /** One entry for each installed package of tfjs-node and tfjs-node-gpu. */
  readonly tensorFlow: readonly TensorFlowDiagnosis[];
  /** Which engine a step will use, by where its tensors live. */
  readonly engines: {
    /** Tensors of tfjs-node's backend; null where tfjs-node does not work here. */
    readonly tensorFlow: EngineName | null;
    /** Float32Arrays. */
    readonly hostArrays: EngineName;
    /** Tensors of any other backend of TensorFlow.js. */
    readonly otherBackends: EngineName;
  };
  /** False if something that is installed is broken. */
  readonly healthy: boolean;
}

const buildCommand = 'npx tfjs-alig build';

function diagnose<Finding>(outcome: ProbeOutcome<Finding>, remedy: string): Diagnosis<Finding> {
  return outcome.ok
    ? { status: 'works', ...outcome.finding }
    : { status: 'broken', problem: outcome.problem, remedy };
}

async function examineAddon(): Promise<Diagnosis<ProbeFindings['addon']>> {
  if (!addonPaths.some((path) => existsSync(path))) {
    const problem = `it has not been built (looked for ${addonPaths.join(' and ')})`;
    return { status: 'missing', problem, remedy: buildCommand };
  }
  const outcome = await probe('addon');
  const [variable] = /\bTFJS_ALIG_[A-Z_]+/.exec(outcome.ok ? '' : outcome.problem) ?? [];
  return diagnose(outcome, variable === undefined ? buildCommand : `unset ${variable}`);
}

async function examineTensorFlow(
  found: TensorFlowPackage,
  addonWorks: boolean,
): Promise<TensorFlowDiagnosis> {
  const nodeProblem = nodeVersionProblem(found);
  if (nodeProblem) {
    const remedy = 'nvm install 22';
    const runtime = { status: 'broken', problem: nodeProblem, remedy } as const;
    return { package: found, runtime, registration: null };
  }
  const { directory } = found;
  const gpu = found.name === tensorFlowPackageName(true);
  const command = `npx tfjs-alig tensorflow${gpu ? ' --gpu' : ''}`;
  if (!hasRuntime(found)) {
    const problem = `${found.name} ${found.version} has no TensorFlow library yet`;
    const runtime = { status: 'missing', problem, remedy: command } as const;
    return { package: found, runtime, registration: null };
  }
  const runtime = diagnose(await probe('runtime', { tensorFlowDirectory: directory }), command);
  const registration =
    runtime.status === 'works' && addonWorks
      ? diagnose(await probe('registration', { tensorFlowDirectory: directory }), buildCommand)
      : null;
  return { package: found, runtime, registration };
}

function tensorFlowEngine(tensorFlow: readonly TensorFlowDiagnosis[]): EngineName | null {
  const usable = tensorFlow.flatMap(({ runtime, registration }) =>
    runtime.status === 'works'
      ? // The op has a kernel for the CPU alone: where TensorFlow uses a GPU, it is not taken.
        [registration?.status === 'works' && !runtime.usesGpu]
      : [],
  );
  if (usable.length === 0) {
    return null;
  }
  return usable.includes(true) ? 'tensorflow-cpu' : 'portable';
}

/**
 * Examines what the package needs and has on this machine: compiler, add-on, TensorFlow as seen
 * from the folder `from` (default: the current one). Everything is tried in child processes, so a
 * crash is a finding. Never rejects for something that is missing or broken.
 */
export async function examine(from: string = process.cwd()): Promise<DoctorReport> {
  const packages = [false, true].flatMap(
    (gpu) => findTensorFlowPackage(tensorFlowPackageName(gpu), from) ?? [],
  );
  const addon = await examineAddon();
  const addonWorks = addon.status === 'works';
  const tensorFlow = await Promise.all(
    packages.map((found) => examineTensorFlow(found, addonWorks)),
  );
  const diagnoses = [
    addon,
    ...tensorFlow.flatMap(({ runtime, registration }) => [runtime, registration ?? []].flat()),
  ];
  return {
    platform: process.platform,
    architecture: process.arch,
    node: process.version,
    nodeApi: process.versions.napi ?? 'unknown',
    packageVersion: packageVersion(),
    compiler: findCompiler(),
    addon,
    tensorFlow,
    engines: {
      tensorFlow: tensorFlowEngine(tensorFlow),
      hostArrays: addonWorks ? 'native-cpu' : 'typescript',
      otherBackends: 'portable',
    },
    healthy: diagnoses.every(({ status }) => status !== 'broken'),
  };
}
