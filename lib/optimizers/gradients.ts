import { engine, type Tensor, type Variable } from '@tensorflow/tfjs-core';
import {
  checkSomeGradient,
  checkTensor,
  checkVariable,
  isGone,
  isOnCurrentBackend,
} from '../step/checks.js';
import { shown } from '../values/shown.js';

/** Gradients by variable name; null or undefined: no gradient in this step. */
export type GradientMap = Readonly<Record<string, Tensor | null | undefined>>;
/** Gradients as a list, which fixes the order of the variables. */
export type GradientList = readonly { name: string; tensor: Tensor | null | undefined }[];

/**
 * Whether a variable without gradient takes part in a step, in its constraint alone. What a step
 * could not move or should not is passed over, as tf.train.* do: counters and masks, variables on
 * another backend, and what is not trainable (frozen layers, moving statistics).
 */
export function takesPart(variable: Variable): boolean {
  return (
    variable.trainable &&
    !isGone(variable) &&
    variable.dtype === 'float32' &&
    isOnCurrentBackend(variable)
  );
}

/**
 * The gradients by variable, in their order, each checked; null: no gradient in this step. A
 * variable that is listed more than once, as where layers share it, is one variable.
 */
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
  const given = new Map<Variable, Tensor | null>();
  list.forEach((entry: (typeof list)[number] | null | undefined, i) => {
    if (typeof entry?.name !== 'string') {
      throw new TypeError(`${owner}: gradients[${i}] must be {name, tensor}, not ${shown(entry)}.`);
    }
    const { name, tensor } = entry;
    const variable = engine().registeredVariables[name];
    if (!tensor && !(variable && takesPart(variable))) return;
    if (!variable) {
      throw new Error(
        `${owner}: there is a gradient for '${name}', but no variable of that name; gradients ` +
          'are named after variables (variable.name).',
      );
    }
    const earlier = given.get(variable) ?? null;
    if (tensor && earlier && tensor !== earlier) {
      throw new Error(
        `${owner}: variable '${name}' is named twice in the gradients, with two of them; give it ` +
          'their sum once.',
      );
    }
    checkVariable(() => `${owner}: variable '${name}'`, variable);
    if (tensor) checkTensor(() => `${owner}: the gradient of '${name}'`, tensor, variable.shape);
    given.set(variable, tensor ?? earlier);
  });
  checkSomeGradient(
    owner,
    list.map(({ tensor }) => tensor ?? null),
  );
  return given;
}
