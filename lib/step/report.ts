/** Which implementation carried out a step. The names are stable. */
export type EngineName =
  'tensorflow-cpu' | 'tensorflow-cuda' | 'native-cpu' | 'native-cuda' | 'typescript' | 'portable';

/** Numbered as in native/engine/report.h. */
const statuses = [
  'taken',
  'lossNotFinite',
  'gradientNotFinite',
  'stepSizeNotFinite',
  'parameterOverflow',
  'sumNotFinite',
] as const;

/**
 * How a step ended. 'lossNotFinite', 'gradientNotFinite', 'stepSizeNotFinite' and 'sumNotFinite' (a
 * sum over parameters or state): refused, nothing was written and the step does not count.
 * 'parameterOverflow': taken, but a new parameter is
 * infinite or NaN (finite gradients can still lead out of the float32 range).
 */
export type StepStatus = (typeof statuses)[number];

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

/** 4-byte words of a step's result as engines write it: StepResult of native/engine/report.h. */
export const RESULT_WORDS = 16;
const SCALARS_AT = 8;

/**
 * Where a step over host arrays puts its result, in the layout of native/engine/report.h. Made before
 * the step: where it has written, nothing may fail any more, not even for want of memory (NOTE
 * [nothing is half done] in native/cpu/engine.h).
 */
export class StepResult {
  readonly words = new Int32Array(RESULT_WORDS);
  readonly fields = new Float32Array(this.words.buffer, 0, SCALARS_AT);
  /** The rule's scalars after the step. */
  readonly scalars = new Float64Array(this.words.buffer, SCALARS_AT * 4);
}

/** Writes a result. */
export function packResult(
  result: StepResult,
  report: Omit<StepReport, 'engine' | 'belowLowerBound'>,
  scalars: Float64Array,
): void {
  result.fields.set([
    statuses.indexOf(report.status),
    report.loss,
    report.stepSize,
    report.unclippedStepSize ?? Infinity,
    report.gradientNorm,
    report.parameterNorm,
    report.clipped ? 1 : 0,
    report.projected ? 1 : 0,
  ]);
  result.scalars.set(scalars);
}

/** The rule's scalars after a step, as native/engine/report.h has them. */
export function unpackScalars(result: Int32Array): Float64Array {
  // Copied: the array may begin where no double may.
  return new Float64Array(result.slice(SCALARS_AT).buffer);
}

/**
 * Reads a report in the layout of native/engine/report.h. `smallestLoss` is what the rule expects;
 * -Infinity: anything.
 */
export function unpackReport(
  result: Int32Array,
  engine: EngineName,
  smallestLoss: number,
): StepReport {
  const fields = new Float32Array(result.buffer, result.byteOffset, SCALARS_AT);
  return reportOf(fields, engine, smallestLoss);
}

/** A report from its fields, in the order of StepReport of native/engine/report.h. */
export function reportOf(
  fields: Float32Array,
  engine: EngineName,
  smallestLoss: number,
): StepReport {
  const [status, loss, stepSize, unclipped, gradientNorm, parameterNorm, clipped, projected] =
    fields as unknown as [number, number, number, number, number, number, number, number];
  return {
    loss,
    stepSize,
    unclippedStepSize: unclipped === Infinity ? null : unclipped,
    gradientNorm,
    parameterNorm,
    clipped: clipped === 1,
    projected: projected === 1,
    belowLowerBound: loss < smallestLoss,
    status: statuses[status]!,
    engine,
  };
}

/** How a step ended on a device that may not have finished: to ask is to wait for it. */
export interface DeferredOutcome {
  /** The error of a step that met a number that is not finite; null: it went well. */
  readonly error: () => NonFiniteError | null;
  /** Whether reading the report has thrown that error. */
  readonly told: () => boolean;
  /** Sets what is called as soon as the outcome is known, with the error and the report. */
  readonly whenKnown: (
    listener: (error: NonFiniteError | null, report: StepReport) => void,
  ) => void;
  /** From now on the report of a step that was refused can be read, and throws nothing. */
  readonly letRead: () => void;
}

/**
 * A report that is read from the device when one of its fields is first looked at, so that no
 * device waits for a log line; that throws a NonFiniteError where the step met a number that is not
 * finite. Its fields are enumerable accessors: it can be spread, compared and written as JSON like
 * any other report.
 */
export function lazyReport(
  engine: EngineName,
  read: () => StepReport,
): { readonly report: StepReport; readonly outcome: DeferredOutcome } {
  let known: StepReport | undefined;
  let told = false;
  let canBeRead = false;
  let tell: ((error: NonFiniteError | null, report: StepReport) => void) | undefined;
  const error = () => {
    const isNew = !known;
    known ??= read();
    const { status } = known;
    const found = status === 'taken' ? null : new NonFiniteError({ ...known, status });
    if (isNew) tell?.(found, known);
    return found;
  };
  const report = { engine };
  for (const field of [
    'loss',
    'stepSize',
    'unclippedStepSize',
    'gradientNorm',
    'parameterNorm',
    'clipped',
    'projected',
    'belowLowerBound',
    'status',
  ] as const) {
    Object.defineProperty(report, field, {
      enumerable: true,
      get: () => {
        const thrown = error();
        if (!thrown || (canBeRead && !wasWritten(known!))) return known![field];
        told = true;
        throw thrown;
      },
    });
  }
  const outcome: DeferredOutcome = {
    error,
    told: () => told,
    whenKnown: (listener) => {
      tell = listener;
    },
    letRead: () => {
      canBeRead = true;
    },
  };
  return { report: report as StepReport, outcome };
}

const explanations: Readonly<Record<Exclude<StepStatus, 'taken'>, string>> = {
  lossNotFinite: 'the loss is not finite',
  gradientNotFinite: 'a gradient is not finite',
  stepSizeNotFinite:
    'the loss is too large for so small a gradient: the step size overflows float32 (on WebGL with ' +
    'half floats alone: 65504)',
  sumNotFinite: 'a sum over parameters or state is not finite',
  parameterOverflow: 'a new parameter is infinite or NaN',
};

/** How many of loss, gradient norm and step size a step of this status has computed. */
const computedNumbers: Readonly<Record<Exclude<StepStatus, 'taken'>, number>> = {
  lossNotFinite: 1,
  gradientNotFinite: 2,
  sumNotFinite: 2,
  stepSizeNotFinite: 3,
  parameterOverflow: 3,
};

/**
 * Thrown when a step met a number that is not finite. Unless `report.status` is
 * 'parameterOverflow', parameters and state are as they were and the step does not count. minimize
 * also brings back what its function has assigned to variables that are not trainable, as the moving
 * statistics of batch normalisation; where gradients come from elsewhere that is the caller's.
 */
export class NonFiniteError extends Error {
  override readonly name = 'NonFiniteError';
  readonly report: StepReport;

  /** `where` names the tensors at fault, if they are known. */
  constructor(report: StepReport & { readonly status: Exclude<StepStatus, 'taken'> }, where = '') {
    // A step that is refused has not computed what comes after the number at fault.
    const computed = [
      `loss ${report.loss}`,
      `gradient norm ${report.gradientNorm}`,
      `step size ${report.stepSize}`,
    ];
    const numbers = computed.slice(0, computedNumbers[report.status]).join(', ');
    super(
      report.status === 'parameterOverflow'
        ? `After the step ${explanations[report.status]}${where} (${numbers}); go back to a ` +
            'checkpoint and lower the (maximal) learning rate.'
        : `Step refused, parameters and state are as they were: ${explanations[report.status]}` +
            `${where} (${numbers}); ` +
            (report.status === 'stepSizeNotFinite'
              ? 'give a maximal learning rate or a larger epsilon, where the optimiser has them.'
              : 'look for what made it so: the inputs, or a division or logarithm in the loss.') +
            ' minimize and model.fit also bring back the moving statistics of batch normalisation, ' +
            'which the forward pass has changed; a loop that computes gradients itself has to.',
    );
    this.report = report;
  }
}

/** Throws a {@link NonFiniteError} unless the step went well; `where` is asked only then. */
export function checkOutcome(report: StepReport, where: () => string = () => ''): void {
  const { status } = report;
  if (status !== 'taken') throw new NonFiniteError({ ...report, status }, where());
}
