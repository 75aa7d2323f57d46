/** Which implementation carried out a step. The names are stable. */
export type EngineName =
  'tensorflow-cpu' | 'tensorflow-cuda' | 'native-cpu' | 'native-cuda' | 'typescript' | 'portable';

/**
 * How a step ended. 'lossNotFinite', 'gradientNotFinite', 'stepSizeNotFinite' and 'sumNotFinite' (a
 * sum over parameters or state): refused, nothing was written and the step does not count.
 * 'parameterOverflow': taken, but a new parameter is
 * infinite or NaN (finite gradients can still lead out of the float32 range).
 */
export type StepStatus =
  | 'taken'
  | 'lossNotFinite'
  | 'gradientNotFinite'
  | 'stepSizeNotFinite'
  | 'parameterOverflow'
  | 'sumNotFinite';

/** The step of one parameter group, where each has its own norm (`normScope: 'group'`). */
export interface GroupStepReport {
  /** Its place in the option `groups`; null: the variables that no group names. */
  readonly group: number | null;
  readonly stepSize: number;
  readonly unclippedStepSize: number | null;
  /** Euclidean norm of the gradients of the group. */
  readonly gradientNorm: number;
  readonly clipped: boolean;
}

/**
 * What one step did. All numbers are float32 values, rounded once from the double that the step
 * computed (on the portable engine: float32 arithmetic). A refused step computed only what its
 * error names; its other numbers say nothing.
 */
export interface StepReport {
  /** The loss handed to the step (l in the paper), before the lower bound is taken off. */
  readonly loss: number;
  /**
   * Step size that was used (gamma): `unclippedStepSize` or the maximal learning rate. Of optimisers
   * with a given learning rate: that rate, here and as `unclippedStepSize`.
   */
  readonly stepSize: number;
  /**
   * max(loss - lowerBound, 0) / (gradientNorm^2 + epsilon), the Polyak step size before it is
   * clipped at the maximal learning rate; null where it is infinite in float32.
   */
  readonly unclippedStepSize: number | null;
  /** Euclidean norm of the gradients of all tensors together. */
  readonly gradientNorm: number;
  /** Euclidean norm of all updated parameters together, before the projection. */
  readonly parameterNorm: number;
  /**
   * Whether the maximal learning rate was smaller than the unclipped step size; of optimisers with
   * a given learning rate: whether the gradient norm was larger than `maxGradientNorm`.
   */
  readonly clipped: boolean;
  /**
   * Whether the parameters were projected: scaled back on the L2 ball, or moved by the pass of
   * another constraint after the step. That pass is not known of on a device that answers later
   * (webgl, webgpu): there it is false for other constraints than the ball.
   */
  readonly projected: boolean;
  /**
   * Whether the loss is below the smallest that the optimiser expects (`lowerBound`, `optimalValue`,
   * or 0 where it has neither): the step size is then 0 or negative, as its formula says. False for
   * optimisers whose step size does not come from the loss.
   */
  readonly belowLowerBound: boolean;
  readonly status: StepStatus;
  /**
   * With `normScope: 'group'` alone: one entry for each group that had a gradient, in the order of
   * their first variables. `stepSize` and `unclippedStepSize` above are their means then (null where
   * one is), the norms those over all of them, and `clipped` whether any was. Not where the step was
   * refused: the report is then that of the group at fault.
   */
  readonly groups?: readonly GroupStepReport[];
  /** Which engine carried out the step. */
  readonly engine: EngineName;
}

/** Whether a step wrote its results: it was taken, even if it led a parameter out of float32. */
export function wasWritten({ status }: StepReport): boolean {
  return status === 'taken' || status === 'parameterOverflow';
}
