import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { gpuComplaint, unloadedLibraries, type UnloadedLibrary } from './tensorflow-messages.js';
import type { TensorFlowPackage } from './tensorflow-package.js';
import { cudaFolder } from './tensorflow-wheel.js';

/** Why tfjs-node-gpu uses no GPU. */
export interface NoGpu {
  /** In TensorFlow's own words, where it has said so. */
  readonly reason: string | null;
  readonly unloadedLibraries: readonly UnloadedLibrary[];
  readonly remedy: string;
}

/** What to do where NVIDIA's driver is missing. */
export const driverRemedy = "install NVIDIA's driver, in a container: start it with --gpus all";

/** What to do where the driver is there, and gives this process no GPU. */
export const hiddenGpuRemedy = 'see what nvidia-smi says; CUDA_VISIBLE_DEVICES may hide a GPU';

/** Why no runtime that uses a GPU can be had on arm64. */
export const noCudaOnArm64 = "TensorFlow's wheels have CUDA's kernels for x64 alone";

/**
 * Why TensorFlow uses no GPU, and what gets it one.
 *
 * @param errorOutput What it printed while it looked for one, under `verboseLoading`.
 * @param command The command that makes the runtime, as {@link ensureTensorFlowRuntime} does.
 */
export function whyNoGpu(
  errorOutput: string,
  { directory }: Pick<TensorFlowPackage, 'directory'>,
  { command, driver }: { readonly command: string; readonly driver: boolean },
): NoGpu {
  const unloaded = unloadedLibraries(errorOutput);
  // libcuda is the driver's, all others come with the runtime.
  const ofRuntime = unloaded.filter(({ name }) => !name.startsWith('libcuda.so'));
  const libraries = join(directory, 'deps', cudaFolder);
  const remedy = () => {
    if (ofRuntime.length < unloaded.length || !driver) return driverRemedy;
    if (process.arch === 'arm64') {
      return `none: ${noCudaOnArm64}; DeviceBuffers and fusedAliGStep use the GPU without TensorFlow`;
    }
    // tfjs-node's own download brings none, the wheel brings all.
    if (!existsSync(libraries)) return command;
    if (ofRuntime.length === 0) return hiddenGpuRemedy;
    return ofRuntime.some(({ name }) => !existsSync(join(libraries, name)))
      ? `${command} --force`
      : `see where the loader looks: LD_DEBUG=libs node --eval 'require("${directory}")'`;
  };
  return {
    reason: gpuComplaint(errorOutput) ?? null,
    unloadedLibraries: unloaded,
    remedy: remedy(),
  };
}

/** The same as the middle of a sentence. */
export function noGpuProblem({ reason, unloadedLibraries }: NoGpu): string {
  const libraries = unloadedLibraries.map(({ problem }) => problem);
  const hidden = process.env.CUDA_VISIBLE_DEVICES;
  return [
    "NVIDIA's driver is there, and TensorFlow does not use the GPU",
    ...(libraries.length > 0 ? libraries : [reason ?? 'it does not say why']),
    ...(hidden === undefined ? [] : [`CUDA_VISIBLE_DEVICES is '${hidden}'`]),
  ].join('; ');
}
