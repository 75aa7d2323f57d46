import { Variable } from '@tensorflow/tfjs-core';
import { checkVariable } from '../step/checks.js';
import { shown } from '../values/shown.js';
import type { ParameterGroup } from './parameter-groups.js';

const owner = 'withoutWeightDecay';

/** What is looked at of a tf.LayersModel. */
export interface ModelWithWeights {
  readonly weights: readonly { read(): unknown }[];
}

/** The last part of a variable's name; tfjs adds _1, _2 to names that are taken. */
const exempted = /(?:^|[/.])(?:bias|gamma|beta)(?:_\d+)?$/;

/**
 * The group of all biases and variables of normalisations, with a weight decay of 0: everything else
 * has the optimiser's, as is usual in PyTorch ("Bag of Tricks for Image Classification with
 * Convolutional Neural Networks", He et al., "no bias decay").
 *
 *     new AdamW({weightDecay: 0.05, groups: [withoutWeightDecay(model)]})
 *
 * In it are the variables with fewer than two dimensions, and those whose name ends in bias, gamma or
 * beta, whether they are trainable now or not.
 *
 * @param target A tf.LayersModel that has its weights, or a list of variables.
 * @throws TypeError for something else, Error for a variable that is disposed, and where there is no
 * variable to leave out.
 */
export function withoutWeightDecay(
  target: ModelWithWeights | readonly Variable[],
): ParameterGroup<{ weightDecay: number }> {
  const given: unknown = Array.isArray(target)
    ? target
    : (target as Partial<ModelWithWeights> | undefined)?.weights?.map((weight) => weight.read());
  if (!Array.isArray(given)) {
    throw new TypeError(
      `${owner}: give a tf.LayersModel or a list of tf.Variables, not ${shown(target)}.`,
    );
  }
  const variables = given.map((variable: unknown, i) => {
    checkVariable(() => `${owner}: variables[${i}]`, variable);
    return variable;
  });
  const found = variables.filter(({ name, rank }) => rank < 2 || exempted.test(name));
  if (found.length === 0) {
    throw new Error(
      `${owner}: none of the ${variables.length} variables is a bias or of a normalisation; leave the ` +
        'group out, or give a model that has its weights.',
    );
  }
  return { variables: found, weightDecay: 0 };
}
