import { getBackend } from '@tensorflow/tfjs-core';
import { warnOnce } from '../platform/warn-once.js';
import type { TensorEngine } from './engine.js';
import { stepCpuBackendTensors } from './cpu-backend.js';
import { stepPortably } from './portable.js';
import { tensorFlowEngine, tensorFlowOp } from './tensorflow.js';

let tensorFlow: TensorEngine | undefined;

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
