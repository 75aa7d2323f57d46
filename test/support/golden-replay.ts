/**
 * Replays recorded tapes on an engine and compares step by step. Without Node's modules: tests in
 * Node and in a browser run the same code.
 */
import * as tf from '@tensorflow/tfjs-core';
import { createOptimizer, type AliG, type EngineName, type StepReport } from 'tfjs-alig';
import {
  decode,
  encode,
  excess,
  hyperParametersOf,
  parameterMagnitudes,
  stateMagnitudes,
  type Tape,
} from './golden-comparison.js';

/** A tape's parameters on one engine. */
export interface Player {
  step(loss: number, gradients: (Float32Array | null)[]): StepReport;
  parameters(): Promise<Float32Array[]>;
  velocities(): Promise<Float32Array[]>;
  dispose(): void;
}

/** A {@link Player} whose steps are made by the optimiser class, over tf.Variables. */
export interface TensorPlayer extends Player {
  readonly optimizer: AliG;
}

/** The tape's parameters as variables on a backend, stepped by AliG. */
export async function playOnBackend(tape: Tape, backend: string): Promise<TensorPlayer> {
  await tf.setBackend(backend);
  const variables = tape.parameters.map(({ name, shape, initial }) =>
    tf.tidy(() => tf.variable(tf.tensor(decode(initial), shape), true, `${tape.id}/${name}`)),
  );
  const optimizer = createOptimizer('alig', hyperParametersOf(tape));
  const read = (tensors: readonly tf.Tensor[]) =>
    Promise.all(tensors.map((tensor) => tensor.data<'float32'>()));
  return {
    optimizer,
    step: (loss, gradients) => {
      const list = variables.map((variable, i) => {
        const gradient = gradients[i];
        return {
          name: variable.name,
          tensor: gradient ? tf.tensor(gradient, variable.shape) : null,
        };
      });
      try {
        optimizer.applyGradients(list, { loss });
      } finally {
        tf.dispose(list.flatMap(({ tensor }) => tensor ?? []));
      }
      return optimizer.lastStep!;
    },
    parameters: () => read(variables),
    velocities: async () => {
      const weights = await optimizer.getWeights();
      const arrays = await read(weights.slice(1).map(({ tensor }) => tensor));
      tf.dispose(weights.map(({ tensor }) => tensor));
      return arrays;
    },
    dispose: () => {
      optimizer.dispose();
      tf.dispose(variables);
    },
  };
}

/** The gradients of one recorded step. */
export function gradientsOf(step: Tape['steps'][number]): (Float32Array | null)[] {
  return step.gradients.map((gradient) => (gradient === null ? null : decode(gradient)));
}

/**
 * Tapes that differ from this package by design, and the first step (from 0) that does: the
 * published code goes backwards with a negative loss, and makes NaN of 0 / 0.
 */
const partsAt: Readonly<Record<string, number>> = {
  'alig-edge-negative-loss': 1,
  'alig-edge-zero-zero-eps0': 2,
};

function near(computed: number, expected: number, { tolerance }: Tape): boolean {
  return excess([computed], [expected], Math.abs(expected), tolerance) <= 0;
}

/** Own behaviour: no step where the numerator is not positive. */
function problemsAfterParting(
  tape: Tape,
  { loss, expected }: Tape['steps'][number],
  report: StepReport,
  before: readonly Float32Array[],
  after: readonly Float32Array[],
): string[] {
  const problems: string[] = [];
  if (loss <= 0 && report.stepSize !== 0) problems.push(`step size ${report.stepSize}, not 0`);
  // The step size does not depend on the parameters, so that it agrees again in the other steps.
  if (loss > 0 && !near(report.stepSize, Number(expected.stepSize), tape)) {
    problems.push(`step size ${report.stepSize}, recorded ${expected.stepSize}`);
  }
  if (loss <= 0 && tape.hyperParameters.momentum === 0) {
    const moved = after.some((values, i) => values.some((value, k) => value !== before[i]![k]));
    if (moved) problems.push('parameters moved without a positive loss');
  }
  if (!after.every((values) => values.every(Number.isFinite))) {
    problems.push('a parameter is not finite');
  }
  return problems;
}

async function problemsOfStep(
  tape: Tape,
  { expected }: Tape['steps'][number],
  report: StepReport,
  player: Player,
): Promise<string[]> {
  const problems: string[] = [];
  const scales = parameterMagnitudes(tape);
  (await player.parameters()).forEach((values, i) => {
    const over = excess(values, decode(expected.parameters[i]!), scales[i]!, tape.tolerance);
    if (!(over <= 0)) problems.push(`${tape.parameters[i]!.name}: ${over} over`);
  });
  const { stepSize, stepSizeUnclipped } = expected;
  if (!tape.tags.includes('float32-overflow')) {
    if (stepSize !== undefined && !near(report.stepSize, Number(stepSize), tape)) {
      problems.push(`step size ${report.stepSize}, recorded ${stepSize}`);
    }
    const unclipped = report.unclippedStepSize ?? Infinity;
    if (stepSizeUnclipped !== undefined && !near(unclipped, Number(stepSizeUnclipped), tape)) {
      problems.push(`unclipped step size ${unclipped}, recorded ${stepSizeUnclipped}`);
    }
  }
  for (const [name, state] of Object.entries(expected.state ?? {})) {
    const sign = name === 'momentumAccumulator' ? -1 : 1;
    const stateScales = stateMagnitudes(tape, name);
    const velocities = await player.velocities();
    state.forEach((recorded, i) => {
      if (recorded === null) return;
      const wanted = decode(recorded).map((value) => sign * value);
      const over = excess(velocities[i]!, wanted, stateScales[i]!, tape.tolerance);
      if (!(over <= 0)) problems.push(`${name} ${i}: ${over} over`);
    });
  }
  return problems;
}

/**
 * Replays a tape; returns what differs from the recording by more than its tolerance, as text, and
 * whether another engine than `engine` served. An empty list is a pass.
 */
export async function replay(tape: Tape, player: Player, engine: EngineName): Promise<string[]> {
  const problems: string[] = [];
  for (const [index, recorded] of tape.steps.entries()) {
    const before = (await player.parameters()).map((values) => values.slice());
    const report = player.step(recorded.loss, gradientsOf(recorded));
    if (report.engine !== engine) problems.push(`served by ${report.engine}, not by ${engine}`);
    const found =
      index >= (partsAt[tape.id] ?? Infinity)
        ? problemsAfterParting(tape, recorded, report, before, await player.parameters())
        : await problemsOfStep(tape, recorded, report, player);
    problems.push(...found.map((problem) => `step ${index}: ${problem}`));
  }
  return problems;
}

/** What one step of a tape led to, bit for bit and ready for JSON. */
export interface StepBits {
  readonly report: StepReport;
  readonly parameters: readonly string[];
  readonly velocities: readonly string[];
}

/** Replays a tape and writes down all bits, for a comparison with another engine's. */
export async function replayedBits(tape: Tape, player: Player): Promise<StepBits[]> {
  const bits: StepBits[] = [];
  for (const recorded of tape.steps) {
    const report = { ...player.step(recorded.loss, gradientsOf(recorded)) };
    const parameters = (await player.parameters()).map(encode);
    bits.push({ report, parameters, velocities: (await player.velocities()).map(encode) });
  }
  return bits;
}
