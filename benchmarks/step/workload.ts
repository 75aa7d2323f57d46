import { readArrays, writeArrays } from '../worker/float-files.js';
import type { Case } from './cases.js';
import { elementsOf } from './shapes.js';

/** What all contenders of a case are given, as JSON. */
export interface Workload {
  readonly sizes: readonly number[];
  readonly threads: number;
  /**
   * Parameters, then gradients, tensor after tensor, as float32 in host order. A contender copies
   * what it changes.
   */
  readonly inputs: string;
  readonly loss: number;
  readonly maxLearningRate: number;
  readonly momentum: number;
  readonly epsilon: number;
  /** The step size that results: it is not clipped, so that the gradient norm matters. */
  readonly stepSize: number;
  /** Radius of the L2 ball, null: no constraint. */
  readonly maxNorm: number | null;
}

export interface Arrays {
  readonly parameters: readonly Float32Array[];
  readonly gradients: readonly Float32Array[];
}

/** The parameters and gradients of a workload. */
export function readInputs({ inputs, sizes }: Workload): Arrays {
  const [parameters, gradients] = readArrays(inputs, sizes, 2);
  return { parameters: parameters!, gradients: gradients! };
}

/**
 * Makes a workload and writes its inputs. The gradient of each parameter points outwards, so that
 * with projection every step leaves it and is projected; and a step moves a parameter by a few
 * per cent of its value, so that a mistake shows up far above rounding errors.
 */
export function makeWorkload(
  { shape, threads, momentum, projecting }: Case,
  inputs: string,
): Workload {
  let state = 1;
  const random = () => {
    // Numerical Recipes' generator: the same values everywhere.
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const elements = elementsOf(shape);
  const parameters = new Float32Array(elements);
  const gradients = new Float32Array(elements);
  let squaredParameterNorm = 0;
  let squaredGradientNorm = 0;
  for (let i = 0; i < elements; i++) {
    const value = 0.1 * (random() - 0.5);
    const slope = -value * (0.5 + random());
    parameters[i] = value;
    gradients[i] = slope;
    squaredParameterNorm += value * value;
    squaredGradientNorm += slope * slope;
  }
  writeArrays(inputs, [parameters, gradients]);
  const stepSize = 0.05;
  return {
    sizes: shape.sizes,
    threads,
    inputs,
    loss: stepSize * squaredGradientNorm,
    maxLearningRate: 1,
    momentum,
    epsilon: 1e-5,
    stepSize,
    // A little outside of the initial parameters: AliG projects once before its first step, which
    // fusedAliGStep does not.
    maxNorm: projecting ? 1.001 * Math.sqrt(squaredParameterNorm) : null,
  };
}
