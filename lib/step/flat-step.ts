/** Steps over arrays that have a length and no shape: host arrays, arrays on a GPU. */
import { deviceReport, deviceStepper } from '../engines/device.js';
import type { DeviceBuffer } from '../engines/device-buffer.js';
import { hostStepper } from '../engines/host.js';
import { warnOnce } from '../platform/warn-once.js';
import { checkOutcome, whereNotFinite } from '../rules/non-finite.js';
import type { StepReport } from '../rules/report.js';
import type { RuleStep } from '../rules/rule-step.js';
import { deviceLists, hostLists, overlapError, type FlatLists } from './flat-lists.js';
import { isDeviceStep, type DeviceStepOptions, type HostStepOptions } from './step-options.js';

/** Makes steps over lists that were checked. */
export interface FlatStepper<
  Flat extends Float32Array | DeviceBuffer = Float32Array | DeviceBuffer,
> {
  readonly lists: FlatLists<Flat>;
  readonly step: (loss: number) => StepReport;
}

/** Says once what a loss below its lower bound makes of the steps. */
export function warnOfBound(owner: string, report: StepReport): void {
  if (!report.belowLowerBound) return;
  warnOnce(
    `${owner}: a loss was below lowerBound, so that the step size is 0; give lowerBound a value that ` +
      'the loss cannot fall below, or add a constant to the loss. The reports say it of each step ' +
      '(belowLowerBound).',
  );
}

function hostFlatStepper(
  owner: string,
  options: Omit<HostStepOptions, 'loss'>,
  ruleStep: RuleStep,
): FlatStepper<Float32Array> {
  const lists = hostLists(owner, options, ruleStep);
  const { parameters, gradients, velocities } = lists;
  const make = hostStepper({ parameters, gradients, state: velocities }, ruleStep, (places) => {
    throw overlapError(owner, lists, places);
  });
  const suspects = (list: string, arrays: readonly (Float32Array | null)[]) =>
    arrays.flatMap((array, i) => (array ? { name: `${list}[${i}]`, values: () => array } : []));
  return {
    lists,
    step: (loss) => {
      const { report } = make(loss);
      checkOutcome(report, () =>
        whereNotFinite(report, {
          gradients: suspects('gradients', gradients),
          parameters: suspects('parameters', parameters),
        }),
      );
      warnOfBound(owner, report);
      return report;
    },
  };
}

function deviceFlatStepper(
  owner: string,
  options: Omit<DeviceStepOptions, 'loss'>,
  ruleStep: RuleStep,
): FlatStepper<DeviceBuffer> {
  const lists = deviceLists(owner, options, ruleStep);
  const { parameters, gradients, velocities } = lists;
  const make = deviceStepper({ parameters, gradients, state: velocities }, ruleStep);
  return { lists, step: (loss) => deviceReport(make(loss), ruleStep) };
}

/**
 * What makes steps with these options. The lists' arrays must keep their memory.
 *
 * @throws As fusedAliGStep does for bad arguments.
 */
export function flatStepper(
  owner: string,
  options: Omit<HostStepOptions, 'loss'> | Omit<DeviceStepOptions, 'loss'>,
  ruleStep: RuleStep,
): FlatStepper {
  return isDeviceStep(options as HostStepOptions | DeviceStepOptions)
    ? deviceFlatStepper(owner, options as DeviceStepOptions, ruleStep)
    : hostFlatStepper(owner, options as HostStepOptions, ruleStep);
}
