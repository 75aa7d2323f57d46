import type { StepReport } from './report.js';

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
