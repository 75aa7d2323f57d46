import * as tf from '@tensorflow/tfjs-node';
import { NonFiniteError, type OptimizersByName, type StepReport } from 'tfjs-alig';

/** An optimiser of this package. */
export type TrainingOptimizer = OptimizersByName[keyof OptimizersByName];

/** A loss, a gradient or a parameter was not finite. */
export class DivergenceError extends Error {
  override readonly name = 'DivergenceError';
}

/**
 * Takes one step.
 *
 * @param loss Computes the scalar that is made smaller; what it makes beside it is disposed of.
 * @throws DivergenceError where the loss, a gradient or a new parameter is not finite.
 */
export function takeStep(
  optimizer: TrainingOptimizer,
  variables: readonly tf.Variable[],
  loss: () => tf.Scalar,
): StepReport {
  try {
    optimizer.minimize(
      () => {
        const scalar = loss();
        const [value] = scalar.dataSync();
        // Optimisers that do not use the loss would take the step. Of many ranks all have to meet for it.
        if (optimizer.communicator === null && !Number.isFinite(value)) {
          throw new DivergenceError(`The loss is not finite: ${value}.`);
        }
        return scalar;
      },
      false,
      [...variables],
    );
  } catch (error) {
    if (error instanceof NonFiniteError) {
      throw new DivergenceError(error.message, { cause: error });
    }
    throw error;
  }
  const report = optimizer.lastStep;
  if (report === null) {
    throw new Error('minimize returned, but the optimiser took no step.');
  }
  if (!Number.isFinite(report.loss)) {
    throw new DivergenceError(`The loss is not finite: ${report.loss}.`);
  }
  return report;
}
