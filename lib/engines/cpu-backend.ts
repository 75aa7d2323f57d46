import { tensor as makeTensor, type Tensor } from '@tensorflow/tfjs-core';
import { wasWritten } from '../rules/report.js';
import { changedShape, hostScalars, replaceValue, type TensorEngine } from './engine.js';
import { packShards } from './exchange-words.js';
import { stepHostArrays } from './host.js';

/** The array behind a tensor of the cpu backend: the real one, not a copy. */
function arrayOf(tensor: Tensor): Float32Array {
  const array = tensor.dataSync<'float32'>();
  const size = tensor.shape.reduce((product, length) => product * length, 1);
  if (size !== array.length) throw changedShape(tensor, `${array.length} elements`);
  return array;
}

function tensorOver(values: Float32Array, like: Tensor): Tensor {
  return makeTensor(values, like.shape, 'float32');
}

/**
 * The engine for tfjs's cpu backend, whose tensors are host arrays: parameters are copied, the
 * copies are stepped in place by {@link stepHostArrays} and become the new tensors.
 */
export const stepCpuBackendTensors: TensorEngine = (step) => {
  const { variables, gradients, state, stateInPlace, shards } = step;
  const parameters = variables.map((variable) => arrayOf(variable).slice());
  const stateArrays = state.map((tensor) =>
    stateInPlace ? arrayOf(tensor) : arrayOf(tensor).slice(),
  );
  const run = (shardWords?: Int32Array) =>
    stepHostArrays(
      parameters,
      gradients.map((gradient) => gradient && arrayOf(gradient)),
      stateArrays,
      typeof step.loss === 'number' ? step.loss : step.loss.dataSync()[0]!,
      { ...step, scalars: hostScalars(step.scalars) },
      shardWords,
    );
  const { report, scalars } = shards
    ? shards.exchange.exchangeBy((terms) => run(packShards(terms, shards)))
    : run();
  const outcome = { report, deferred: null, newScalars: scalars };
  if (!wasWritten(report)) return { ...outcome, newState: null };
  variables.forEach((variable, i) => {
    if (gradients[i] || report.projected) {
      replaceValue(variable, tensorOver(parameters[i]!, variable));
    }
  });
  const newState = stateInPlace
    ? null
    : state.map((tensor, i) => tensorOver(stateArrays[i]!, tensor));
  return { ...outcome, newState };
};
