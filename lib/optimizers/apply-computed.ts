import {
  dispose,
  type NamedTensorMap,
  type Optimizer,
  type Scalar,
  type Tensor,
  type Variable,
} from '@tensorflow/tfjs-core';
import type { GradientList, GradientMap } from './gradients.js';

/** What is called of the optimisers that take a loss with their gradients. */
interface TakesLoss {
  applyGradients(gradients: GradientMap | GradientList, step: { loss: Tensor }): void;
}

/**
 * The second half of `minimize`: hands over what computeGradients gave, which is disposed of.
 *
 * @param returnCost Whether to return the loss; else it is disposed of and null is returned.
 * @param varList The variables that minimize was given.
 */
export function applyComputed(
  optimizer: Optimizer & TakesLoss,
  { value, grads }: { value: Scalar; grads: NamedTensorMap },
  returnCost: boolean,
  varList: readonly Variable[] | undefined,
): Scalar | null {
  try {
    optimizer.applyGradients(
      varList ? varList.map(({ name }) => ({ name, tensor: grads[name] })) : grads,
      { loss: value },
    );
  } catch (error) {
    value.dispose();
    throw error;
  } finally {
    dispose(grads);
  }
  if (returnCost) return value;
  value.dispose();
  return null;
}
