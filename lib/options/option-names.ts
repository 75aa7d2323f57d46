import { distance } from 'fastest-levenshtein';
import { shown } from '../values/shown.js';

/** Names that other libraries give a setting, and what it is called here, by the optimiser. */
const otherNames: Readonly<Record<string, string | readonly string[]>> = {
  learningRate: 'maxLearningRate',
  lr: ['maxLearningRate', 'learningRate'],
  maxLearningRate: 'learningRate',
  maxLr: 'maxLearningRate',
  max_lr: 'maxLearningRate',
  eps: 'epsilon',
  mu: 'momentum',
  alpha: 'decay',
  rho: 'decay',
  weight_decay: ['weightDecay', 'constraint'],
  lr_decay: 'learningRateDecay',
  initialAccumulatorValue: 'initialAccumulator',
  useNesterov: 'nesterov',
  clipNorm: 'maxGradientNorm',
  clipValue: 'maxGradientValue',
  clip_value: 'maxGradientValue',
  adjusted_momentum: 'adjustedMomentum',
  projectionFn: 'constraint',
  projection_fn: 'constraint',
  weightDecay: 'constraint',
  parameter: 'parameters',
  params: 'parameters',
  variables: 'parameters',
  grads: 'gradients',
  velocity: 'velocities',
  radius: 'maxNorm',
  constraint: 'maxNorm',
  maxNorm: 'constraint',
};

function rightName(name: string, known: readonly string[]): string | undefined {
  const other = [otherNames[name] ?? []].flat().find((candidate) => known.includes(candidate));
  if (other !== undefined) return other;
  const lower = name.toLowerCase();
  const nearest = known
    .map((candidate) => ({ candidate, errors: distance(lower, candidate.toLowerCase()) }))
    .sort((a, b) => a.errors - b.errors)[0];
  return nearest && nearest.errors <= Math.max(2, name.length / 3) ? nearest.candidate : undefined;
}

/**
 * Throws a TypeError unless `options` is an object with no other names than the known ones; the
 * message names the right spelling.
 */
export function checkOptionNames(
  owner: string,
  options: unknown,
  known: readonly string[],
): asserts options is Readonly<Record<string, unknown>> {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new TypeError(`${owner} takes an object of options, not ${shown(options)}.`);
  }
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    const right = rightName(name, known);
    throw new TypeError(
      `${owner} has no option '${name}'; ` +
        (right === undefined ? `its options are ${known.join(', ')}.` : `did you mean '${right}'?`),
    );
  }
}
