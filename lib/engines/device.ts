import { addonState } from '#addon';
import { lazyReport, RESULT_WORDS, unpackReport, type StepReport } from '../step/report.js';
import { packStep, type RuleStep } from '../step/rule-step.js';
import { memoryOf, type DeviceBuffer } from './device-buffer.js';

const oneGroup = new Int32Array();

/**
 * One step over arrays in the memory of a GPU, in place, of a rule without scalars. It is enqueued:
 * the report waits for it when one of its fields is first read, and throws a NonFiniteError if the
 * step met a number that is not finite. Lists have one entry a tensor, `state` the rule's arrays of
 * each tensor, one tensor after the other.
 */
export function stepDeviceBuffers(
  parameters: readonly DeviceBuffer[],
  gradients: readonly (DeviceBuffer | null)[],
  state: readonly DeviceBuffer[],
  loss: number,
  step: RuleStep,
): StepReport {
  const addonOrWhy = addonState();
  if (!addonOrWhy.addon) throw new Error(addonOrWhy.report);
  const { addon } = addonOrWhy;
  const memory = addon.cudaStep(
    parameters.map(memoryOf),
    gradients.map((gradient) => gradient && memoryOf(gradient)),
    state.map(memoryOf),
    step.groupOf ?? oneGroup,
    loss,
    packStep(step),
  );
  return lazyReport('native-cuda', () => {
    const result = new Int32Array(RESULT_WORDS);
    addon.cudaResult(memory, result);
    return unpackReport(result, 'native-cuda');
  }).report;
}
