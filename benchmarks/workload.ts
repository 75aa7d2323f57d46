/** Parameters, gradients and settings that all contenders of one comparison share. */
export interface Shape {
  /** As the option --shapes and the table name it. */
  readonly name: string;
  readonly tensors: number;
  readonly elementsPerTensor: number;
}

function shape(tensors: number, elementsPerTensor: number): Shape {
  return { name: `${tensors}x${elementsPerTensor}`, tensors, elementsPerTensor };
}

/** 25.6 million parameters in three ways, and a small network whose tensors fit in the cache. */
export const standardShapes = [
  shape(160, 1_000),
  shape(160, 160_000),
  shape(1_000, 25_600),
  shape(1, 25_600_000),
];

/** For --quick: the small one, and 2.56 million parameters in place of 25.6. */
export const quickShapes = [shape(160, 1_000), shape(16, 160_000)];

/** Reads names such as 160x1000. */
export function parseShapes(text: string): Shape[] {
  return text.split(',').map((name) => {
    const match = /^([1-9]\d*)x([1-9]\d*)$/.exec(name.trim());
    if (!match) throw new Error(`a shape is TENSORSxELEMENTS, such as 160x1000, not '${name}'`);
    return shape(Number(match[1]), Number(match[2]));
  });
}

export interface Workload {
  readonly shape: Shape;
  readonly elements: number;
  /** Initial values; a contender copies what it changes. */
  readonly parameters: readonly Float32Array[];
  readonly gradients: readonly Float32Array[];
  readonly loss: number;
  readonly maxLearningRate: number;
  readonly momentum: number;
  readonly epsilon: number;
  /** The step size that results: it is not clipped, so that the gradient norm matters. */
  readonly stepSize: number;
  /** Radius of the L2 ball, null: no constraint. */
  readonly maxNorm: number | null;
}

/**
 * Makes a workload. The gradient of each parameter points outwards, so that with the ball active
 * every step leaves it and is projected; and a step moves a parameter by a few per cent of its
 * value, so that a mistake shows up far above rounding errors.
 */
export function makeWorkload(shape: Shape, ballActive: boolean): Workload {
  let state = 1;
  const random = () => {
    // Numerical Recipes' generator: the same values everywhere.
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const parameters: Float32Array[] = [];
  const gradients: Float32Array[] = [];
  let squaredParameterNorm = 0;
  let squaredGradientNorm = 0;
  for (let i = 0; i < shape.tensors; i++) {
    const parameter = new Float32Array(shape.elementsPerTensor);
    const gradient = new Float32Array(shape.elementsPerTensor);
    for (let j = 0; j < shape.elementsPerTensor; j++) {
      const value = 0.1 * (random() - 0.5);
      const slope = -value * (0.5 + random());
      parameter[j] = value;
      gradient[j] = slope;
      squaredParameterNorm += value * value;
      squaredGradientNorm += slope * slope;
    }
    parameters.push(parameter);
    gradients.push(gradient);
  }
  const stepSize = 0.05;
  return {
    shape,
    elements: shape.tensors * shape.elementsPerTensor,
    parameters,
    gradients,
    loss: stepSize * squaredGradientNorm,
    maxLearningRate: 1,
    momentum: 0.9,
    epsilon: 1e-5,
    stepSize,
    // A little outside of the initial parameters: AliG projects once before its first step, which
    // fusedAliGStep does not.
    maxNorm: ballActive ? 1.001 * Math.sqrt(squaredParameterNorm) : null,
  };
}
