// The script that probe.ts runs in a child process: one probe, one message, end.
import { createRequire } from 'node:module';
import { addonState, type Addon } from './addon.js';
import { gpus } from './gpus.js';
import type { ProbeArguments, ProbeFindings } from './probe.js';

/** The little of tfjs-node that the probes touch. */
interface TensorFlowModule {
  tidy<Result>(work: () => Result): Result;
  matMul(
    left: number[][],
    right: number[][],
  ): {
    dataSync(): ArrayLike<number>;
  };
  backend(): { binding: { TF_Version: string }; isUsingGpuDevice: boolean };
}

function loadTensorFlow(directory: string): TensorFlowModule {
  return createRequire(import.meta.url)(directory) as TensorFlowModule;
}

function loadAddon(): { addon: Addon; path: string } {
  const state = addonState();
  if (!state.addon) {
    throw new Error(state.report);
  }
  return state;
}

const probes: {
  [Task in keyof ProbeFindings]: (tensorFlowDirectory: string) => ProbeFindings[Task];
} = {
  addon() {
    const { addon, path } = loadAddon();
    return {
      path,
      version: addon.version,
      instructionSets: addon.instructionSets,
      instructionSet: addon.getInstructionSet(),
      threads: addon.getThreadCount(),
    };
  },

  runtime(tensorFlowDirectory) {
    const tf = loadTensorFlow(tensorFlowDirectory);
    const left = [
      [1, 2],
      [3, 4],
    ];
    const right = [
      [5, 6],
      [7, 8],
    ];
    const product = tf.tidy(() => [...Array.from(tf.matMul(left, right).dataSync())]);
    if (product.join() !== '19,22,43,50') {
      throw new Error(`a matrix product came out as ${product.join()}, not as 19,22,43,50`);
    }
    const { binding, isUsingGpuDevice } = tf.backend();
    return { tensorFlowVersion: binding.TF_Version, usesGpu: isUsingGpuDevice };
  },

  registration(tensorFlowDirectory) {
    const { isUsingGpuDevice } = loadTensorFlow(tensorFlowDirectory).backend();
    const { addon } = loadAddon();
    return {
      opName: isUsingGpuDevice
        ? addon.registerTensorFlowCudaOp('GPU')
        : addon.registerTensorFlowOp(),
    };
  },

  cuda() {
    const { path, problem } = loadAddon().addon.getCudaLibrary();
    if (problem !== null) throw new Error(problem);
    const found = gpus();
    return { path, gpus: found.gpus, gpuProblem: found.problem };
  },

  mpi() {
    const { path, problem } = loadAddon().addon.getMpiLibrary();
    if (problem !== null) throw new Error(problem);
    return { path };
  },
};

const [task, tensorFlowDirectory] = process.argv.slice(2) as unknown as ProbeArguments;
try {
  process.send?.({ ok: true, finding: probes[task](tensorFlowDirectory) });
} catch (error) {
  process.send?.({ ok: false, problem: error instanceof Error ? error.message : String(error) });
}
