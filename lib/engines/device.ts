import { lazyReport } from '../rules/lazy-report.js';
import type { StepReport } from '../rules/report.js';
import { RESULT_WORDS, unpackReport } from '../rules/result.js';
import { packGroups, packStep, smallestLossOf, type RuleStep } from '../rules/rule-step.js';
import { memoryOf, type DeviceBuffer } from './device-buffer.js';
import { addonForSteps } from './addon.js';

/**
 * Enqueues one step over arrays in the memory of a GPU, in place. Lists have one entry a tensor,
 * `state` the rule's arrays of each tensor, one tensor after the other. Returns what waits for the
 * step and reads its result.
 */
export function enqueueDeviceStep(
  parameters: readonly DeviceBuffer[],
  gradients: readonly (DeviceBuffer | null)[],
  state: readonly DeviceBuffer[],
  loss: number,
  step: RuleStep,
): () => Int32Array {
  const addonOrWhy = addonForSteps();
  if (!addonOrWhy.addon) throw new Error(addonOrWhy.report);
  const { addon } = addonOrWhy;
  const memory = addon.cudaStep(
    parameters.map(memoryOf),
    gradients.map((gradient) => gradient && memoryOf(gradient)),
    state.map(memoryOf),
    packGroups(step),
    loss,
    packStep(step),
  );
  return () => {
    const result = new Int32Array(RESULT_WORDS);
    addon.cudaResult(memory, result);
    return result;
  };
}

/**
 * As {@link enqueueDeviceStep}, of a rule without scalars: the report waits for the step when one of
 * its fields is first read, and throws a NonFiniteError if the step met a number that is not finite.
 */
export function stepDeviceBuffers(...step: Parameters<typeof enqueueDeviceStep>): StepReport {
  const read = enqueueDeviceStep(...step);
  const smallestLoss = smallestLossOf(step[4]);
  return lazyReport('native-cuda', () => unpackReport(read(), 'native-cuda', smallestLoss)).report;
}
