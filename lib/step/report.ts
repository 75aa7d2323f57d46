/** Which implementation carried out a step. The names are stable. */
export type EngineName =
  | 'tensorflow-cpu'
  | 'tensorflow-cuda'
  | 'native-cpu'
  | 'native-cuda'
  | 'typescript'
  | 'portable';

/**
 * What one step did. All numbers are float32 values, rounded once from the double that the step
 * computed (on the portable engine: float32 arithmetic).
 */
export interface StepReport {
  /** The loss handed to the step (l in the paper), before the lower bound is taken off. */
  readonly loss: number;
  /** Step size that was used (gamma): `unclippedStepSize` or the maximal learning rate. */
  readonly stepSize: number;
  /**
   * (loss - lowerBound) / (gradientNorm^2 + epsilon), the Polyak step size before it is clipped at
   * the maximal learning rate; null where it is infinite in float32.
   */
  readonly unclippedStepSize: number | null;
  /** Euclidean norm of the gradients of all tensors together. */
  readonly gradientNorm: number;
  /** Euclidean norm of all updated parameters together, before the projection. */
  readonly parameterNorm: number;
  /** Whether the maximal learning rate was smaller than the unclipped step size. */
  readonly clipped: boolean;
  /** Whether the parameters were projected, that is scaled back on the L2 ball. */
  readonly projected: boolean;
  /** Which engine carried out the step. */
  readonly engine: EngineName;
}
