import { engine, type Tensor, type Variable } from '@tensorflow/tfjs-core';
import { checkSomeGradient, checkTensor, checkVariable } from '../step/checks.js';
import { shown } from '../step/settings.js';

/** Gradients by variable name; null or undefined: no gradient in this step. */
export type GradientMap = Readonly<Record<string, Tensor | null | undefined>>;
/** Gradients as a list, which fixes the order of the variables. */
export type GradientList = readonly { name: string; tensor: Tensor | null | undefined }[];

/** The variables of these names; throws an Error for a name that no variable has. */
export function variablesOf(owner: string, names: readonly string[]): Variable[] {
  return names.map((name) => {
    const variable = engine().registeredVariables[name];
    if (!variable) {
      throw new Error(
        `${owner}: there is a gradient for '${name}', but no variable of that name; gradients ` +
          'are named after variables (variable.name).',
      );
    }
    return variable;
  });
}

/** The gradients by variable, in their order, each checked; null: no gradient in this step. */
export function gradientsByVariable(
  owner: string,
  gradients: GradientMap | GradientList,
): Map<Variable, Tensor | null> {
  if (typeof gradients !== 'object' || (gradients as unknown) === null) {
    throw new TypeError(
      `${owner}: gradients must be a map by variable name or a list of {name, tensor}, not ` +
        `${shown(gradients)}.`,
    );
  }
  const list = Array.isArray(gradients)
    ? (gradients as GradientList)
    : Object.entries(gradients as GradientMap).map(([name, tensor]) => ({ name, tensor }));
  list.forEach((entry: unknown, i) => {
    if (typeof (entry as { name?: unknown } | null | undefined)?.name === 'string') return;
    throw new TypeError(`${owner}: gradients[${i}] must be {name, tensor}, not ${shown(entry)}.`);
  });
  const variables = variablesOf(
    owner,
    list.map(({ name }) => name),
  );
  const given = new Map<Variable, Tensor | null>();
  list.forEach(({ name, tensor }, i) => {
    const variable = variables[i]!;
    if (given.has(variable)) {
      throw new Error(`${owner}: variable '${name}' is named twice in the gradients.`);
    }
    checkVariable(() => `${owner}: variable '${name}'`, variable);
    if (tensor) checkTensor(() => `${owner}: the gradient of '${name}'`, tensor, variable.shape);
    given.set(variable, tensor ?? null);
  });
  checkSomeGradient(owner, [...given.values()]);
  return given;
}
