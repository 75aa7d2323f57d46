/**
 * Replays recorded tapes on an engine and compares step by step. Without Node's modules: tests in
 * Node and in a browser run the same code.
 */
import * as tf from '@tensorflow/tfjs-core';
import {
  createOptimizer,
  type EngineName,
  type OptimizersByName,
  type StepReport,
} from '../../lib/index.js';
import {
  decode,
  encode,
  excess,
  hyperParametersOf,
  parameterMagnitudes,
  scalarMagnitude,
  stateMagnitudes,
  type RecordedSettings,
  type RecordedState,
  type Tape,
} from './golden-comparison.js';

type Optimizer = OptimizersByName[keyof OptimizersByName];

/** An optimiser by the name and the hyper-parameters of a recorded case. */
export function makeOptimizer(name: string, hyperParameters: object): Optimizer {
  return createOptimizer(name as keyof OptimizersByName, hyperParameters as never);
}

/** What an optimiser keeps from step to step, by the names of this package. */
export interface PlayedState {
  /** Arrays by the name of the state, one a parameter. */
  readonly arrays: Readonly<Record<string, readonly Float32Array[]>>;
  readonly scalars: Readonly<Record<string, number>>;
}

/** What a step is given beside the gradients. */
export type Objective = Pick<Tape['steps'][number], 'loss' | 'optimalValue'>;

/** A tape's parameters on one engine. */
export interface Player {
  step(objective: Objective, gradients: (Float32Array | null)[]): StepReport;
  parameters(): Promise<Float32Array[]>;
  state(): Promise<PlayedState>;
  dispose(): void;
}

/** A {@link Player} whose steps are made by the optimiser class, over tf.Variables. */
export interface TensorPlayer extends Player {
  readonly optimizer: Optimizer;
  /** The parameters when a first step would compute its gradients: nothing is changed. */
  parametersBeforeFirstStep(): Float32Array[];
}

/** The groups of a tape as options, over these variables. */
function groupsOf({ parameters, groups }: Tape, variables: readonly tf.Variable[]) {
  return groups?.map((overrides: RecordedSettings, group) => ({
    ...overrides,
    variables: variables.filter((_, i) => parameters[i]!.group === group),
  }));
}

/** The names of the optimiser's scalars of state, in the order in which getWeights gives them. */
function scalarNames(optimizer: Optimizer): readonly string[] {
  const { configuration } = optimizer as unknown as {
    readonly configuration: { readonly rule: { readonly scalars: readonly string[] } };
  };
  return configuration.rule.scalars;
}

function read(tensors: readonly tf.Tensor[]): Promise<Float32Array[]> {
  return Promise.all(tensors.map((tensor) => tensor.data<'float32'>()));
}

async function stateOf(
  optimizer: Optimizer,
  variables: readonly tf.Variable[],
): Promise<PlayedState> {
  const weights = await optimizer.getWeights();
  const values = await Promise.all(weights.map(({ tensor }) => tensor.data()));
  tf.dispose(weights.map(({ tensor }) => tensor));
  const arrays: Record<string, Float32Array[]> = {};
  let scalars: Record<string, number> = {};
  weights.forEach(({ name }, i) => {
    if (name === 'scalars') {
      const doubles = new Float64Array(Int32Array.from(values[i]!).buffer);
      scalars = Object.fromEntries(scalarNames(optimizer).map((each, k) => [each, doubles[k]!]));
    }
    const at = variables.findIndex((variable) => name.startsWith(`${variable.name}/`));
    if (at === -1) return;
    const array = name.slice(variables[at]!.name.length + 1);
    (arrays[array] ??= [])[at] = values[i] as Float32Array;
  });
  return { arrays, scalars };
}

/** The tape's parameters as variables on a backend, stepped by the optimiser that it names. */
export async function playOnBackend(tape: Tape, backend: string): Promise<TensorPlayer> {
  await tf.setBackend(backend);
  const variables = tape.parameters.map(({ name, shape, initial }) =>
    tf.tidy(() => tf.variable(tf.tensor(decode(initial), shape), true, `${tape.id}/${name}`)),
  );
  const groups = groupsOf(tape, variables);
  const optimizer = makeOptimizer(tape.optimizer, {
    ...hyperParametersOf(tape),
    ...(groups && { groups }),
  });
  return {
    optimizer,
    step: ({ loss, optimalValue }, gradients) => {
      const objective = { loss, ...(optimalValue !== undefined && { optimalValue }) };
      const list = variables.map((variable, i) => {
        const gradient = gradients[i];
        return {
          name: variable.name,
          tensor: gradient ? tf.tensor(gradient, variable.shape) : null,
        };
      });
      try {
        optimizer.applyGradients(list, objective);
      } finally {
        tf.dispose(list.flatMap(({ tensor }) => tensor ?? []));
      }
      return optimizer.lastStep!;
    },
    parameters: () => read(variables),
    state: () => stateOf(optimizer, variables),
    parametersBeforeFirstStep: () => {
      const seen = new Error('seen');
      let values: Float32Array[] = [];
      try {
        optimizer.minimize(
          () => {
            values = variables.map((variable) => variable.dataSync<'float32'>().slice());
            throw seen;
          },
          false,
          variables,
        );
      } catch (error) {
        if (error !== seen) throw error;
      }
      return values;
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

/** The names of this package for recorded arrays of state, where they differ; -: the sign too. */
const stateNames: Readonly<Record<string, string>> = {
  'alig/momentumBuffer': 'velocity',
  'alig/momentumAccumulator': '-velocity',
  'dfw/momentumBuffer': 'velocity',
};

/** Recorded state that this package does not keep, and why, by the tape. */
const stateNotKept: Readonly<Record<string, { readonly state: string; readonly reason: string }>> =
  {
    'rmsprop-tf-default': {
      state: 'momentumBuffer',
      reason: 'with momentum 0 TensorFlow keeps the last update, which nothing reads',
    },
  };

function near(computed: number, expected: number, { tolerance }: Tape): boolean {
  return excess([computed], [expected], Math.abs(expected), tolerance) <= 0;
}

/** A step after which a tape parts from this package by design. */
interface PartedStep {
  readonly tape: Tape;
  readonly step: Tape['steps'][number];
  readonly report: StepReport;
  readonly before: readonly Float32Array[];
  readonly after: readonly Float32Array[];
  /** What the step before moved; null: this is the first. */
  readonly lastMoves: readonly Float32Array[] | null;
}

function movesOf(before: readonly Float32Array[], after: readonly Float32Array[]): Float32Array[] {
  return after.map((values, i) => values.map((value, k) => value - before[i]![k]!));
}

function finiteProblems(after: readonly Float32Array[]): string[] {
  const finite = after.every((values) => values.every(Number.isFinite));
  return finite ? [] : ['a parameter is not finite'];
}

/** ALI-G makes no step where the numerator is not positive. */
function problemsOfAliG({ tape, step, report, before, after }: PartedStep): string[] {
  const { loss, expected } = step;
  const problems = finiteProblems(after);
  if (loss <= 0 && report.stepSize !== 0) problems.push(`step size ${report.stepSize}, not 0`);
  // The step size does not depend on the parameters, so that it agrees again in the other steps.
  if (loss > 0 && !near(report.stepSize, Number(expected.stepSize), tape)) {
    problems.push(`step size ${report.stepSize}, recorded ${expected.stepSize}`);
  }
  if (loss <= 0 && tape.hyperParameters['momentum'] === 0) {
    const moved = movesOf(before, after).some((values) => values.some((value) => value !== 0));
    if (moved) problems.push('parameters moved without a positive loss');
  }
  return problems;
}

/** BPGrad's formula without weight decay, in double: v = mu v - s eta g, w += v. */
function problemsOfBpGrad({ tape, step, report, before, after, lastMoves }: PartedStep): string[] {
  const problems = finiteProblems(after);
  const [learningRate, momentum, epsilon] = ['learningRate', 'momentum', 'epsilon'].map((name) =>
    Number(tape.hyperParameters[name]),
  ) as [number, number, number];
  const norm = Math.sqrt(squaredNormOf(step));
  const size = step.loss / (norm + epsilon);
  if (!near(report.stepSize, size, tape)) {
    problems.push(`step size ${report.stepSize}, computed ${size}`);
  }
  const moved = (i: number, k: number) => momentum * (lastMoves?.[i]?.[k] ?? 0);
  const parted = { tape, step, before, after };
  return [...problems, ...formulaProblems(parted, size * learningRate, moved)];
}

/** The squared norm of all gradients of a step together. */
function squaredNormOf(step: Tape['steps'][number]): number {
  const squares = gradientsOf(step).map(
    (values) => values?.reduce((sum, value) => sum + value * value, 0) ?? 0,
  );
  return squares.reduce((sum, value) => sum + value, 0);
}

/** The smoothed step size of SPS, in double, where a step of 0 is not remembered; w -= s g. */
function problemsOfSmoothSps({ tape, step, report, before, after }: PartedStep): string[] {
  const setting = (name: string) => Number(tape.hyperParameters[name]);
  const growth = setting('gamma') ** (1 / setting('batchesPerEpoch'));
  let previous = setting('initialStepSize');
  let size = 0;
  for (const each of tape.steps.slice(0, tape.steps.indexOf(step) + 1)) {
    const squared = squaredNormOf(each);
    const polyak = each.loss / (setting('c') * squared + setting('epsilon'));
    size = Math.sqrt(squared) < 1e-8 ? 0 : Math.min(polyak, growth * previous);
    if (size > 0) previous = size;
  }
  const problems = near(report.stepSize, size, tape)
    ? []
    : [`step size ${report.stepSize}, computed ${size}`];
  return [...problems, ...formulaProblems({ tape, step, before, after }, size, () => 0)];
}

/** What differs from w - size g + extra. */
function formulaProblems(
  { tape, step, before, after }: Pick<PartedStep, 'tape' | 'step' | 'before' | 'after'>,
  size: number,
  extra: (i: number, k: number) => number,
): string[] {
  const scales = parameterMagnitudes(tape);
  return gradientsOf(step).flatMap((gradient, i) => {
    const expected = before[i]!.map(
      (value, k) => value + extra(i, k) - size * (gradient?.[k] ?? 0),
    );
    const scale = Math.max(scales[i]!, ...expected.map(Math.abs));
    const over = excess(after[i]!, expected, scale, tape.tolerance);
    return over <= 0 ? [] : [`${tape.parameters[i]!.name}: ${over} over the formula`];
  });
}

/**
 * Tapes that differ from this package by design, and why: from which step on (from 0), and what is
 * compared from there.
 */
export const byDesign: Readonly<
  Record<
    string,
    {
      readonly from: number;
      readonly reason: string;
      readonly problems: (step: PartedStep) => string[];
    }
  >
> = {
  'alig-edge-negative-loss': {
    from: 1,
    reason: 'the published code goes backwards with a negative loss; here the numerator is 0',
    problems: problemsOfAliG,
  },
  'alig-edge-zero-zero-eps0': {
    from: 2,
    reason: 'the published code makes NaN of 0 / 0; here nothing moves',
    problems: problemsOfAliG,
  },
  'bpgrad-edge-overflow': {
    from: 1,
    reason: 'the published norm overflows float32; here sums are double',
    problems: problemsOfBpGrad,
  },
  'bpgrad-mom0-defect': {
    from: 0,
    reason: 'the published code updates only with momentum; here it steps without as well',
    problems: problemsOfBpGrad,
  },
  'sps-edge-smooth-stuck': {
    from: 6,
    reason: 'the published step size stays 0 once it was 0; here a step of 0 is not remembered',
    problems: problemsOfSmoothSps,
  },
};

function stateProblems(tape: Tape, name: string, state: RecordedState, played: PlayedState) {
  if (stateNotKept[tape.id]?.state === name) return [];
  const own = stateNames[`${tape.optimizer}/${name}`] ?? name;
  if (typeof state !== 'object') {
    const computed = played.scalars[own] ?? NaN;
    const scale = scalarMagnitude(tape, name);
    const over = excess([computed], [Number(state)], scale, tape.tolerance);
    return over <= 0 ? [] : [`${name}: ${computed}, recorded ${state}`];
  }
  const sign = own.startsWith('-') ? -1 : 1;
  const arrays = played.arrays[sign === -1 ? own.slice(1) : own];
  if (!arrays) return [`${name}: the optimiser keeps ${Object.keys(played.arrays).join(', ')}`];
  const scales = stateMagnitudes(tape, name);
  return state.flatMap((recorded, i) => {
    if (recorded === null) return [];
    const wanted = decode(recorded).map((value) => sign * value);
    const over = excess(arrays[i]!, wanted, scales[i]!, tape.tolerance);
    return over <= 0 ? [] : [`${name} ${i}: ${over} over`];
  });
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
  const { stepSize, stepSizeUnclipped, groupStepSizes } = expected;
  if (!tape.tags.includes('float32-overflow')) {
    if (stepSize !== undefined && !near(report.stepSize, Number(stepSize), tape)) {
      problems.push(`step size ${report.stepSize}, recorded ${stepSize}`);
    }
    const unclipped = report.unclippedStepSize ?? Infinity;
    if (stepSizeUnclipped !== undefined && !near(unclipped, Number(stepSizeUnclipped), tape)) {
      problems.push(`unclipped step size ${unclipped}, recorded ${stepSizeUnclipped}`);
    }
    // The report has their mean; each is the unclipped step size within the group's own bound.
    groupStepSizes?.forEach((recorded, group) => {
      const { maxLearningRate } = { ...tape.hyperParameters, ...tape.groups?.[group] };
      const size = Math.min(unclipped, Number(maxLearningRate ?? Infinity));
      if (near(size, Number(recorded), tape)) return;
      problems.push(`step size of group ${group} ${size}, recorded ${recorded}`);
    });
  }
  if (!expected.state) return problems;
  const played = await player.state();
  for (const [name, state] of Object.entries(expected.state)) {
    problems.push(...stateProblems(tape, name, state, played));
  }
  return problems;
}

/**
 * Replays a tape; returns what differs from the recording by more than its tolerance, as text, and
 * whether another engine than `engine` served. An empty list is a pass.
 */
export async function replay(tape: Tape, player: Player, engine: EngineName): Promise<string[]> {
  const problems: string[] = [];
  const parted = byDesign[tape.id];
  let lastMoves: Float32Array[] | null = null;
  for (const [index, step] of tape.steps.entries()) {
    const before = (await player.parameters()).map((values) => values.slice());
    const report = player.step(step, gradientsOf(step));
    if (report.engine !== engine) problems.push(`served by ${report.engine}, not by ${engine}`);
    const after = await player.parameters();
    const found =
      parted && index >= parted.from
        ? parted.problems({ tape, step, report, before, after, lastMoves })
        : await problemsOfStep(tape, step, report, player);
    problems.push(...found.map((problem) => `step ${index}: ${problem}`));
    lastMoves = movesOf(before, after);
  }
  return problems;
}

/** What differs from the recorded parameters after construction, as {@link replay} says it. */
export function constructionProblems(tape: Tape, player: TensorPlayer): string[] {
  const scales = parameterMagnitudes(tape);
  const values = player.parametersBeforeFirstStep();
  return (tape.afterConstruction?.parameters ?? []).flatMap((recorded, i) => {
    const over = excess(values[i]!, decode(recorded), scales[i]!, tape.tolerance);
    return over <= 0 ? [] : [`${tape.parameters[i]!.name} after construction: ${over} over`];
  });
}

/** What one step of a tape led to, bit for bit and ready for JSON. */
export interface StepBits {
  readonly report: StepReport;
  readonly parameters: readonly string[];
  readonly state: readonly string[];
  readonly scalars: PlayedState['scalars'];
}

/** Replays a tape and writes down all bits, for a comparison with another engine's. */
export async function replayedBits(tape: Tape, player: Player): Promise<StepBits[]> {
  const bits: StepBits[] = [];
  for (const recorded of tape.steps) {
    const report = { ...player.step(recorded, gradientsOf(recorded)) };
    const parameters = (await player.parameters()).map(encode);
    const { arrays, scalars } = await player.state();
    bits.push({ report, parameters, state: Object.values(arrays).flat().map(encode), scalars });
  }
  return bits;
}
