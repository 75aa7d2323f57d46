import type { StepReport, StepStatus } from './report.js';

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

/** A tensor of a step: how errors name it, and its numbers, which are asked for only then. */
export interface Suspect {
  readonly name: string;
  readonly values: () => ArrayLike<number>;
}

/**
 * Names those tensors that hold a number that is not finite, for the error of a step that met one:
 * gradients or parameters, by the report's status; '' where none is found.
 */
export function whereNotFinite(
  report: StepReport,
  suspects: { readonly gradients: readonly Suspect[]; readonly parameters: readonly Suspect[] },
): string {
  const asked =
    report.status === 'gradientNotFinite'
      ? suspects.gradients
      : report.status === 'parameterOverflow'
        ? suspects.parameters
        : [];
  const names = asked
    .filter(({ values }) => !Array.prototype.every.call(values(), Number.isFinite))
    .map(({ name }) => name);
  return names.length > 0 ? ` (${names.join(', ')})` : '';
}
