import { addonState } from '#addon';
import { lazyReport, REPORT_FIELDS, unpackReport, type StepReport } from '../step/report.js';
import { packSettings, type StepSettings } from '../step/settings.js';
import { memoryOf, type DeviceBuffer } from './device-buffer.js';

/**
 * One ALI-G step over arrays in the memory of a GPU, in place. It is enqueued: the report waits for
 * it when one of its fields is first read, and throws a NonFiniteError if the step met a number
 * that is not finite. Lists have one entry a tensor; `velocities` is empty without momentum.
 */
export function stepDeviceBuffers(
  parameters: readonly DeviceBuffer[],
  gradients: readonly (DeviceBuffer | null)[],
  velocities: readonly DeviceBuffer[],
  loss: number,
  settings: StepSettings,
): StepReport {
  const state = addonState();
  if (!state.addon) throw new Error(state.report);
  const { addon } = state;
  const memory = addon.cudaStep(
    parameters.map(memoryOf),
    gradients.map((gradient) => gradient && memoryOf(gradient)),
    velocities.map(memoryOf),
    loss,
    packSettings(settings),
  );
  return lazyReport('native-cuda', () => {
    const fields = new Float32Array(REPORT_FIELDS);
    addon.cudaReport(memory, fields);
    return unpackReport(fields, 'native-cuda');
  }).report;
}
