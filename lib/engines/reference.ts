/**
 * The step in TypeScript: the reference that every native engine equals bit for bit, and the
 * engine for host arrays where the add-on is missing.
 */
import { clippedGradient } from '../rules/clip.js';
import { projectionScale, projects } from '../rules/l2-ball.js';
import type { Rule } from '../rules/rule.js';
import type { StepStatus } from '../rules/report.js';
import { packResult, StepResult, type EngineReport } from '../rules/result.js';
import type { RuleStep } from '../rules/rule-step.js';
import { CHUNK_SIZE, ChunkSum, sumOfChunks, sumOfSquares } from './sums.js';

const { fround } = Math;

function chunksOf(length: number): { start: number; end: number }[] {
  return Array.from({ length: Math.ceil(length / CHUNK_SIZE) }, (_, chunk) => ({
    start: chunk * CHUNK_SIZE,
    end: Math.min((chunk + 1) * CHUNK_SIZE, length),
  }));
}

function squaredNorm(tensors: readonly Float32Array[]): number {
  return sumOfChunks(
    tensors.flatMap((values) =>
      chunksOf(values.length).map(({ start, end }) => sumOfSquares(values, start, end)),
    ),
  );
}

/** A tensor that has a gradient. */
interface SteppedTensor {
  readonly parameter: Float32Array;
  readonly gradient: Float32Array;
  readonly state: readonly Float32Array[];
  readonly group: number;
}

/** The rule's sums over all tensors: each chunk's, times its group's factors. */
function measured({ rule, settings, groups }: RuleStep, tensors: readonly SteppedTensor[]) {
  const sums = [squaredNorm(tensors.map(({ gradient }) => gradient))];
  if (rule.sums === 1) return sums;
  const prepared = groups.map((group) => rule.prepare!(settings, group));
  const terms = new Float64Array(rule.sums - 1);
  const chunkSums = Array.from({ length: rule.sums }, (): number[] => []);
  const lanes = chunkSums.map(() => new ChunkSum());
  for (const { parameter, gradient, state, group } of tensors) {
    for (const { start, end } of chunksOf(gradient.length)) {
      for (let i = start; i < end; i++) {
        rule.measure!(prepared[group], gradient, parameter, state, i, terms);
        for (let sum = 1; sum < rule.sums; sum++) lanes[sum]!.add(i - start, terms[sum - 1]!);
      }
      for (let sum = 1; sum < rule.sums; sum++) {
        const factor = rule.sumFactor!(settings, groups[group]!, sum);
        chunkSums[sum]!.push(factor * lanes[sum]!.take());
      }
    }
  }
  return [...sums, ...chunkSums.slice(1).map(sumOfChunks)];
}

type Report = { -readonly [Field in keyof EngineReport]: EngineReport[Field] };

/** Measures, decides and updates; fills the report up to the new parameters. */
function update(
  step: RuleStep,
  tensors: readonly SteppedTensor[],
  report: Report,
): Float64Array | null {
  const { rule, settings, groups, stepNumber } = step;
  const refuse = (status: StepStatus) => {
    report.status = status;
    return null;
  };
  if (rule.usesLoss && !Number.isFinite(report.loss)) return refuse('lossNotFinite');
  const sums = measured(step, tensors);
  report.gradientNorm = fround(Math.sqrt(sums[0]!));
  if (!Number.isFinite(sums[0])) return refuse('gradientNotFinite');
  if (!sums.every(Number.isFinite)) return refuse('sumNotFinite');
  const scalars = step.scalars.slice();
  const decision = rule.decide({ settings, groups, loss: report.loss, stepNumber }, sums, scalars);
  report.stepSize = fround(decision.stepSize);
  report.unclippedStepSize = fround(decision.unclippedStepSize);
  report.clipped = decision.clipped;
  const coefficients = groups.map((group) => rule.coefficients(settings, group, decision));
  const numbers = [report.stepSize, ...coefficients.flatMap(Object.values<number>), ...scalars];
  if (!numbers.every(Number.isFinite)) return refuse('stepSizeNotFinite');
  for (const { parameter, gradient, state, group } of tensors) {
    rule.update(coefficients[group]!, gradient, parameter, state);
  }
  return scalars;
}

function stateOf(rule: Rule, state: readonly Float32Array[], tensor: number) {
  const count = rule.state.length;
  return state.slice(tensor * count, (tensor + 1) * count);
}

/**
 * One step in place; a projection alone where no gradient is given. Lists have one entry a tensor;
 * `state` has the rule's arrays of each tensor, one tensor after the other. The result goes to
 * `result`, whose words are returned.
 */
export function referenceStep(
  parameters: readonly Float32Array[],
  gradients: readonly (Float32Array | null)[],
  state: readonly Float32Array[],
  loss: number,
  step: RuleStep,
  result = new StepResult(),
): Int32Array {
  const tensors = gradients.flatMap((gradient, i): SteppedTensor[] =>
    gradient
      ? [
          {
            parameter: parameters[i]!,
            gradient: clippedGradient(gradient, step.maxGradientValue),
            state: stateOf(step.rule, state, i),
            group: step.groupOf?.[i] ?? 0,
          },
        ]
      : [],
  );
  const report: Report = {
    loss: fround(loss),
    stepSize: 0,
    unclippedStepSize: 0,
    gradientNorm: 0,
    parameterNorm: 0,
    clipped: false,
    projected: false,
    status: 'taken',
  };
  let { scalars } = step;
  if (tensors.length > 0) {
    const advanced = update(step, tensors, report);
    if (!advanced) {
      packResult(result, report, scalars);
      return result.words;
    }
    scalars = advanced;
  }
  const squaredParameterNorm = squaredNorm(parameters);
  report.parameterNorm = fround(Math.sqrt(squaredParameterNorm));
  if (!Number.isFinite(squaredParameterNorm)) report.status = 'parameterOverflow';
  report.projected = projects(step.maxNorm, squaredParameterNorm);
  if (report.projected) {
    const scale = projectionScale(step.maxNorm, squaredParameterNorm);
    for (const values of parameters) {
      for (let i = 0; i < values.length; i++) values[i]! *= scale;
    }
  }
  packResult(result, report, scalars);
  return result.words;
}
