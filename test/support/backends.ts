/** The real backends that the tests run on, and the engine that must serve each. */
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { setBackend } from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-node';

export const engineOf = {
  tensorflow: 'tensorflow-cpu',
  cpu: 'native-cpu',
  wasm: 'portable',
} as const;

export type BackendName = keyof typeof engineOf;

export const backendNames = Object.keys(engineOf) as BackendName[];

export async function useBackend(name: BackendName): Promise<void> {
  if (!(await setBackend(name))) throw new Error(`backend '${name}' could not be started`);
}
