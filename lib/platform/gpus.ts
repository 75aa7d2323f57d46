import { addonState } from '#addon';
import type { Gpu } from './addon.js';

/** The NVIDIA GPUs that the CUDA engine can use, or why there is none. */
export type Gpus =
  | { readonly gpus: readonly Gpu[]; readonly problem: null }
  | { readonly gpus: readonly []; readonly problem: string };

/**
 * Lists the NVIDIA GPUs that this process can use, the one of `DeviceBuffer` first, or says why
 * there is none: no add-on, no CUDA engine (nvcc was missing at install), no driver, an old one, no
 * GPU. Never throws.
 */
export function gpus(): Gpus {
  const state = addonState();
  if (!state.addon) return { gpus: [], problem: state.report };
  try {
    return { gpus: state.addon.getCudaDevices(), problem: null };
  } catch (error) {
    return { gpus: [], problem: error instanceof Error ? error.message : String(error) };
  }
}
