import type { StepExchange } from '../mpi/communicator.js';
import { lazyReport } from '../rules/lazy-report.js';
import type { StepReport } from '../rules/report.js';
import { RESULT_WORDS, unpackReport } from '../rules/result.js';
import { packStep, smallestLossOf, type RuleStep } from '../rules/rule-step.js';
import { addonForSteps } from './addon.js';
import { addressOf, type DeviceBuffer } from './device-buffer.js';
import { packTerms } from './exchange-words.js';

/** Lists of arrays in the memory of a GPU, one entry a tensor. */
export interface DeviceArrays {
  readonly parameters: readonly DeviceBuffer[];
  /** Null: no gradient. */
  readonly gradients: readonly (DeviceBuffer | null)[];
  /** The rule's arrays of each tensor, one tensor after the other. */
  readonly state: readonly DeviceBuffer[];
}

/** The rows of Addon.cudaStep. */
function tableOf(
  { parameters, gradients, state }: DeviceArrays,
  { rule, groupOf }: RuleStep,
): Float64Array {
  const count = rule.state.length;
  const rowLength = 4 + count;
  const table = new Float64Array(parameters.length * rowLength);
  for (let i = 0; i < parameters.length; i++) {
    const row = i * rowLength;
    const gradient = gradients[i];
    table[row] = parameters[i]!.length;
    table[row + 1] = groupOf?.[i] ?? 0;
    table[row + 2] = addressOf(parameters[i]!);
    if (!gradient) continue;
    table[row + 3] = addressOf(gradient);
    for (let k = 0; k < count; k++) table[row + 4 + k] = addressOf(state[i * count + k]!);
  }
  return table;
}

/**
 * Enqueues steps over the same arrays in the memory of a GPU, in place. Each returns what waits for it
 * and reads its result. The arrays must not be disposed of before the last step is enqueued.
 */
export function deviceStepper(
  arrays: DeviceArrays,
  step: RuleStep,
): (loss: number) => () => Int32Array {
  const addonOrWhy = addonForSteps();
  if (!addonOrWhy.addon) throw new Error(addonOrWhy.report);
  const { addon } = addonOrWhy;
  const table = tableOf(arrays, step);
  const words = packStep(step);
  return (loss) => {
    const memory = addon.cudaStep(table, loss, words);
    return () => {
      const result = new Int32Array(RESULT_WORDS);
      addon.cudaResult(memory, result);
      return result;
    };
  };
}

/**
 * What averages buffers over the ranks into others of the same lengths, one entry a buffer. All that may
 * fail on this rank alone is done at the call, before the ranks meet.
 */
export function deviceAverager(
  own: readonly DeviceBuffer[],
  averages: readonly DeviceBuffer[],
): (exchange: StepExchange) => void {
  const addonOrWhy = addonForSteps();
  if (!addonOrWhy.addon) throw new Error(addonOrWhy.report);
  const { addon } = addonOrWhy;
  const table = Float64Array.from(
    own.flatMap((buffer, i) => [buffer.length, addressOf(buffer), addressOf(averages[i]!)]),
  );
  return (exchange) => {
    exchange.exchangeBy((terms) => {
      addon.mpiAverageOnGpu(table, packTerms(terms));
    });
  };
}

/**
 * The report of a step of {@link deviceStepper}, of a rule without scalars: it waits for the step when
 * one of its fields is first read, and throws a NonFiniteError if the step met a number that is not
 * finite.
 */
export function deviceReport(read: () => Int32Array, step: RuleStep): StepReport {
  const smallestLoss = smallestLossOf(step);
  return lazyReport('native-cuda', () => unpackReport(read(), 'native-cuda', smallestLoss)).report;
}
