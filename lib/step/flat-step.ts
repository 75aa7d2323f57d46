/** Steps over arrays that have a length and no shape: host arrays, arrays on a GPU. */
import { whereNotFiniteOnRanks } from '../engines/agreed-step.js';
import { deviceAverager, deviceReport, deviceStepper } from '../engines/device.js';
import { DeviceBuffer } from '../engines/device-buffer.js';
import { hostStepper } from '../engines/host.js';
import type { StepExchange } from '../mpi/communicator.js';
import { warnOnce } from '../platform/warn-once.js';
import { checkOutcome } from '../rules/non-finite.js';
import type { StepReport } from '../rules/report.js';
import type { RuleStep } from '../rules/rule-step.js';
import { deviceLists, hostLists, overlapError, type FlatLists } from './flat-lists.js';
import {
  agreementOf,
  exchangeOf,
  isDeviceStep,
  type DeviceStepOptions,
  type HostStepOptions,
} from './step-options.js';

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

/**
 * What the ranks agree on before a step; returns the mean loss. A parameter has a gradient on all ranks or
 * on none.
 */
function agreeing(
  owner: string,
  exchange: StepExchange,
  ruleStep: RuleStep,
  gradients: readonly ({ readonly length: number } | null)[],
): (loss: number) => number {
  const gradientLengths = gradients.map((gradient) => gradient?.length ?? null);
  const agreement = () => ({ ...agreementOf(owner, ruleStep), gradientLengths });
  return (loss) => exchange.agree({ stepNumber: 0, loss, agreement, without: [] }).loss;
}

function given<Flat>(gradients: readonly (Flat | null)[]): Flat[] {
  return gradients.filter((gradient) => gradient !== null);
}

function hostFlatStepper(
  owner: string,
  options: Omit<HostStepOptions, 'loss'>,
  ruleStep: RuleStep,
  exchange: StepExchange | null,
): FlatStepper<Float32Array> {
  const lists = hostLists(owner, options, ruleStep);
  const { parameters, gradients, velocities } = lists;
  const agree = exchange && agreeing(owner, exchange, ruleStep, gradients);
  // The same each time.
  const used = exchange
    ? gradients.map((gradient) => gradient && new Float32Array(gradient.length))
    : gradients;
  const [own, averages] = [given(gradients), given(used)];
  const meanLoss = (loss: number): number => {
    if (!agree) return loss;
    const mean = agree(loss);
    exchange.average(own, averages);
    return mean;
  };
  const make = hostStepper(
    { parameters, gradients: used, state: velocities },
    ruleStep,
    (places) => {
      throw overlapError(owner, lists, places);
    },
  );
  const suspects = (list: string, arrays: readonly (Float32Array | null)[]) =>
    arrays.flatMap((array, i) => (array ? { name: `${list}[${i}]`, values: () => array } : []));
  return {
    lists,
    step: (loss) => {
      const { report } = make(meanLoss(loss));
      checkOutcome(report, () => {
        const all = {
          gradients: suspects('gradients', gradients),
          parameters: suspects('parameters', parameters),
        };
        return whereNotFiniteOnRanks(exchange, report, all, loss);
      });
      warnOfBound(owner, report);
      return report;
    },
  };
}

function deviceFlatStepper(
  owner: string,
  options: Omit<DeviceStepOptions, 'loss'>,
  ruleStep: RuleStep,
  exchange: StepExchange | null,
): FlatStepper<DeviceBuffer> {
  const lists = deviceLists(owner, options, ruleStep);
  const { parameters, gradients, velocities } = lists;
  if (exchange) {
    const agree = agreeing(owner, exchange, ruleStep, gradients);
    return {
      lists,
      step: (loss) => {
        const used = gradients.map((gradient) => gradient && DeviceBuffer.zeros(gradient.length));
        const averages = given(used);
        try {
          const average = deviceAverager(given(gradients), averages);
          const mean = agree(loss);
          average(exchange);
          const make = deviceStepper({ parameters, gradients: used, state: velocities }, ruleStep);
          return deviceReport(make(mean), ruleStep);
        } finally {
          // The memory goes when the step is done.
          for (const average of averages) average.dispose();
        }
      },
    };
  }
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
  const exchange = exchangeOf(owner, options.communicator);
  return isDeviceStep(options as HostStepOptions | DeviceStepOptions)
    ? deviceFlatStepper(owner, options as DeviceStepOptions, ruleStep, exchange)
    : hostFlatStepper(owner, options as HostStepOptions, ruleStep, exchange);
}
