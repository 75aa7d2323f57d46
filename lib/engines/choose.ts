import { getBackend } from '@tensorflow/tfjs-core';
import { warnOnce } from '../platform/warn-once.js';
import type { Averager, TensorEngine } from './engine.js';
import { stepCpuBackendTensors } from './cpu-backend.js';
import { averageOnHost } from './host-averages.js';
import { stepPortably } from './portable.js';
import {
  tensorFlowAverageOp,
  tensorFlowAverager,
  tensorFlowEngine,
  tensorFlowOp,
} from './tensorflow.js';

let tensorFlow: TensorEngine | undefined;
let tensorFlowAverages: Averager | undefined;

/** Which engine serves tensors of the current backend: the one place that decides it. */
export function engineOfBackend(): TensorEngine {
  switch (getBackend()) {
    case 'cpu':
      return stepCpuBackendTensors;
    case 'tensorflow': {
      const op = tensorFlowOp();
      if (op.opName !== null) return (tensorFlow ??= tensorFlowEngine(op));
      warnOnce(`tfjs-alig steps by slower TensorFlow.js ops: ${op.problem}`);
      return stepPortably;
    }
    default:
      return stepPortably;
  }
}

/** Why the engine of the current backend makes no steps on shards of a state; null: it does. */
export function shardProblem(): string | null {
  const backend = getBackend();
  if (backend === 'cpu') return null;
  if (backend !== 'tensorflow') return `the backend is '${backend}'`;
  const op = tensorFlowOp();
  if (op.opName === null) return op.problem;
  return op.engine === 'tensorflow-cpu' ? null : 'TensorFlow uses a GPU';
}

/** What averages gradients of the current backend over the ranks. */
export function averagerOfBackend(): Averager {
  if (getBackend() !== 'tensorflow') return averageOnHost;
  const op = tensorFlowOp();
  if (op.opName === null) return averageOnHost;
  return (tensorFlowAverages ??= tensorFlowAverager(tensorFlowAverageOp(op)));
}
