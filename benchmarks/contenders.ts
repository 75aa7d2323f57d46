import * as tf from '@tensorflow/tfjs-core';
import { stepPortably } from '../lib/engines/portable.js';
import { AliG, fusedAliGStep, l2Ball, type StepReport } from '../lib/index.js';
import { referenceStep } from '../lib/step/reference.js';
import { unpackReport } from '../lib/step/report.js';
import { aliGStep } from '../lib/step/alig-step.js';
import type { RuleStep } from '../lib/step/rule-step.js';
import type { Bandwidth } from './bandwidth.js';
import { PlainAliG } from './plain-alig.js';
import type { Workload } from './workload.js';

/** How a contender's parameters must agree with those of our step on host arrays. */
export type Agreement =
  /** Bit for bit: the numeric contract. */
  | 'exact'
  /** Within {@link tolerance}. */
  | 'close'
  /** Within {@link tolerance} where there is no ball; with one it leaves the projection out. */
  | 'close without ball'
  /** It makes no step. */
  | 'none';

/**
 * Largest difference from our step, as a part of the largest parameter, for steps that sum in
 * float32. An element meets 5 roundings of 6e-8 a step, 9e-7 in the 3 steps that are compared;
 * TensorFlow's norm of 25.6 million float32 adds about as much to the step size and, with the ball
 * active, to the scale. A wrong formula is off by 1e-2 here.
 */
export const tolerance = 1e-5;

/** One way of making the step, ready to run. */
export interface Runner {
  /** Makes one step and returns when its results are there. */
  step(): void;
  /** Of our own steps: what the last one did. */
  report?(): StepReport;
  parameters(): Iterable<Float32Array>;
  dispose(): void;
}

export interface Contender {
  readonly name: string;
  /** The tfjs backend that has to be current. */
  readonly backend: 'tensorflow' | 'cpu';
  /** The engine that has to have served. */
  readonly engine: StepReport['engine'] | null;
  readonly agreement: Agreement;
  /** Largest number of parameters that it is worth waiting for. */
  readonly mostElements: number;
  prepare(workload: Workload): Runner;
}

/** The name of the contender whose time is the floor. */
export const floorName = 'floor: memory traffic of a step';
/** The names of those that ours are compared with. */
export const plainName = 'ALI-G in plain tfjs ops';
export const momentumName = 'tf.train.momentum';

function stepOf(workload: Workload): RuleStep {
  return aliGStep('benchmark', { ...workload, lowerBound: 0, adjustedMomentum: false });
}

interface TensorWorkload {
  readonly variables: tf.Variable[];
  readonly gradients: tf.Tensor[];
  readonly named: { name: string; tensor: tf.Tensor }[];
  readonly loss: tf.Tensor;
}

/** Puts a workload on the current backend. */
function toBackend(workload: Workload): TensorWorkload {
  const variables = workload.parameters.map((values) => {
    const initial = tf.tensor1d(values.slice());
    const variable = tf.variable(initial);
    initial.dispose();
    return variable;
  });
  const gradients = workload.gradients.map((values) => tf.tensor1d(values));
  const named = variables.map(({ name }, i) => ({ name, tensor: gradients[i]! }));
  return { variables, gradients, named, loss: tf.scalar(workload.loss) };
}

function* valuesOf(tensors: readonly tf.Tensor[]): Iterable<Float32Array> {
  for (const tensor of tensors) yield tensor.dataSync<'float32'>();
}

function disposeWorkload({ variables, gradients, loss }: TensorWorkload): void {
  tf.dispose([...variables, ...gradients, loss]);
}

function overTensors(
  workload: Workload,
  make: (tensors: TensorWorkload) => {
    step: () => void;
    report?: () => StepReport;
    dispose: () => void;
  },
): Runner {
  const tensors = toBackend(workload);
  const { step, report, dispose } = make(tensors);
  return {
    step,
    ...(report && { report }),
    parameters: () => valuesOf(tensors.variables),
    dispose() {
      dispose();
      disposeWorkload(tensors);
    },
  };
}

function byAliG(workload: Workload): Runner {
  return overTensors(workload, ({ named, loss }) => {
    const { maxLearningRate, momentum, epsilon, maxNorm } = workload;
    const optimizer = new AliG({
      maxLearningRate,
      momentum,
      epsilon,
      constraint: maxNorm === null ? null : l2Ball(maxNorm),
    });
    return {
      step: () => {
        optimizer.applyGradients(named, { loss });
      },
      report: () => optimizer.lastStep!,
      dispose: () => {
        optimizer.dispose();
      },
    };
  });
}

/** Over copies of the host arrays, in place. */
function overArrays(
  workload: Workload,
  step: (parameters: Float32Array[], velocities: Float32Array[]) => StepReport,
): Runner {
  const parameters = workload.parameters.map((values) => values.slice());
  const velocities = parameters.map(({ length }) => new Float32Array(length));
  let report: StepReport;
  return {
    step: () => {
      report = step(parameters, velocities);
    },
    report: () => report,
    parameters: () => parameters,
    dispose: () => undefined,
  };
}

/** One array as long as all tensors together, in memory that has been touched. */
function flat(workload: Workload): Float32Array {
  return new Float32Array(workload.elements).fill(1);
}

function moving(step: () => void): Runner {
  return { step, parameters: () => [], dispose: () => undefined };
}

/** Contenders that measure the memory itself, and the bytes that each moves an element. */
export function bandwidthContenders(
  bandwidth: Bandwidth,
  threads: number,
): { readonly contender: Contender; readonly bytes: number | null }[] {
  const contender = (name: string, prepare: (workload: Workload) => Runner): Contender => ({
    name,
    backend: 'tensorflow',
    engine: null,
    agreement: 'none',
    mostElements: Infinity,
    prepare,
  });
  return [
    {
      bytes: null,
      contender: contender(floorName, (workload) => {
        const [gradient, parameter, velocity] = [flat(workload), flat(workload), flat(workload)];
        const projecting = workload.maxNorm !== null;
        return moving(() =>
          bandwidth.stepPasses(gradient, parameter, velocity, projecting, threads),
        );
      }),
    },
    {
      bytes: 4,
      contender: contender('memory: read', (workload) => {
        const a = flat(workload);
        return moving(() => bandwidth.read(a, threads));
      }),
    },
    {
      bytes: 8,
      contender: contender('memory: copy', (workload) => {
        const [a, b] = [flat(workload), flat(workload)];
        return moving(() => {
          bandwidth.copy(a, b, threads);
        });
      }),
    },
    {
      bytes: 12,
      contender: contender('memory: triad', (workload) => {
        const [a, b, c] = [flat(workload), flat(workload), flat(workload)];
        return moving(() => {
          bandwidth.triad(a, b, c, threads);
        });
      }),
    },
  ];
}

/** All that make the step. The first one is what the others' results are compared with. */
export const stepContenders: readonly Contender[] = [
  {
    name: 'native-cpu: fusedAliGStep, Float32Array',
    backend: 'tensorflow',
    engine: 'native-cpu',
    agreement: 'exact',
    mostElements: Infinity,
    prepare: (workload) =>
      overArrays(workload, (parameters, velocities) => {
        const { gradients, loss, maxLearningRate, momentum, epsilon, maxNorm } = workload;
        return fusedAliGStep({
          parameters,
          gradients,
          velocities,
          loss,
          maxLearningRate,
          momentum,
          epsilon,
          maxNorm,
        });
      }),
  },
  {
    name: 'tensorflow-cpu: AliG',
    backend: 'tensorflow',
    engine: 'tensorflow-cpu',
    agreement: 'exact',
    mostElements: Infinity,
    prepare: byAliG,
  },
  {
    name: 'native-cpu: AliG on the cpu backend',
    backend: 'cpu',
    engine: 'native-cpu',
    agreement: 'exact',
    mostElements: Infinity,
    prepare: byAliG,
  },
  {
    name: 'portable: on the tensorflow backend',
    backend: 'tensorflow',
    engine: 'portable',
    agreement: 'close',
    mostElements: Infinity,
    prepare: (workload) =>
      overTensors(workload, ({ variables, gradients, loss }) => {
        const ruleStep = stepOf(workload);
        let velocities = ruleStep.rule.state.flatMap(() =>
          variables.map((variable) => tf.zerosLike<tf.Tensor>(variable)),
        );
        let report: StepReport;
        return {
          step: () => {
            const outcome = stepPortably({
              ...ruleStep,
              variables,
              gradients,
              state: velocities,
              stateInPlace: false,
              loss,
            });
            tf.dispose(velocities);
            velocities = outcome.newState ?? [];
            report = outcome.report;
          },
          report: () => report,
          dispose: () => {
            tf.dispose(velocities);
          },
        };
      }),
  },
  {
    name: 'typescript: the reference step',
    backend: 'tensorflow',
    engine: 'typescript',
    agreement: 'exact',
    mostElements: 1_000_000,
    prepare: (workload) => {
      const step = stepOf(workload);
      return overArrays(workload, (parameters, velocities) => {
        const { gradients, loss } = workload;
        const fields = referenceStep(parameters, gradients, velocities, loss, step);
        return unpackReport(fields, 'typescript');
      });
    },
  },
  {
    name: plainName,
    backend: 'tensorflow',
    engine: null,
    agreement: 'close',
    mostElements: Infinity,
    prepare: (workload) =>
      overTensors(workload, ({ variables, gradients, loss }) => {
        const optimizer = new PlainAliG(variables, workload);
        return {
          step: () => {
            optimizer.step(gradients, loss);
          },
          dispose: () => {
            optimizer.dispose();
          },
        };
      }),
  },
  {
    // Nesterov momentum at a constant rate moves the parameters as ALI-G does at a constant step
    // size; it has no norm and no ball.
    name: momentumName,
    backend: 'tensorflow',
    engine: null,
    agreement: 'close without ball',
    mostElements: Infinity,
    prepare: (workload) =>
      overTensors(workload, ({ named }) => {
        const optimizer = tf.train.momentum(workload.stepSize, workload.momentum, true);
        return {
          step: () => {
            optimizer.applyGradients(named);
          },
          dispose: () => {
            optimizer.dispose();
          },
        };
      }),
  },
];
