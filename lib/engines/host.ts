import { addonState } from '#addon';
import { warnOnce } from '../platform/warn-once.js';
import { referenceStep } from '../step/reference.js';
import { REPORT_FIELDS, unpackReport, type StepReport } from '../step/report.js';
import { packSettings, type StepSettings } from '../step/settings.js';

/**
 * One ALI-G step over host arrays, in place: by the native add-on, or by the reference step in
 * TypeScript where that is missing, with the same bits. Lists have one entry a tensor; `velocities`
 * is not read without momentum. Where no gradient is given only the projection is done.
 */
export function stepHostArrays(
  parameters: readonly Float32Array[],
  gradients: readonly (Float32Array | null)[],
  velocities: readonly Float32Array[],
  loss: number,
  settings: StepSettings,
): StepReport {
  const state = addonState();
  if (state.addon) {
    const report = new Float32Array(REPORT_FIELDS);
    state.addon.aliGStep(parameters, gradients, velocities, loss, packSettings(settings), report);
    return unpackReport(report, 'native-cpu');
  }
  // A browser has none to miss.
  if (state.attempts.length > 0) warnOnce(state.report);
  return unpackReport(
    referenceStep(parameters, gradients, velocities, loss, settings),
    'typescript',
  );
}
