/** Steps over arrays that have a length and no shape: host arrays, arrays on a GPU. */
import { whereNotFiniteOnRanks } from '../engines/agreed-step.js';
import { deviceReport, deviceStepper } from '../engines/device.js';
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
 * Averages arrays over the ranks, into arrays that are the same each time; returns the mean loss. A
 * parameter has a gradient on all ranks or on none.
 */
function averager(
  owner: string,
  exchange: StepExchange,
  ruleStep: RuleStep,
  lengths: readonly (number | null)[],
) {
  const results = lengths.flatMap((length) => (length === null ? [] : [new Float32Array(length)]));
  const agreement = () => ({
    ...agreementOf(owner, ruleStep),
    gradientLengths: lengths,
  });
  return {
    results,
    average: (own: readonly Float32Array[], loss: number): number => {
      const agreed = exchange.agree({ stepNumber: 0, loss, agreement, without: [] });
      exchange.average(own, results);
      return agreed.loss;
    },
  };
}

function lengthsOf(gradients: readonly ({ readonly length: number } | null)[]): (number | null)[] {
  return gradients.map((gradient) => gradient?.length ?? null);
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
  const shared = exchange && averager(owner, exchange, ruleStep, lengthsOf(gradients));
  const own = given(gradients);
  const averages = shared?.results[Symbol.iterator]();
  const used = averages
    ? gradients.map((gradient) => gradient && averages.next().value!)
    : gradients;
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
      const { report } = make(shared ? shared.average(own, loss) : loss);
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
    const shared = averager(owner, exchange, ruleStep, lengthsOf(gradients));
    return {
      lists,
      // Through host memory, which every MPI can read.
      step: (loss) => {
        const own = given(gradients).map((gradient) => gradient.download());
        const mean = shared.average(own, loss);
        const averages = shared.results.map((result) => DeviceBuffer.upload(result));
        try {
          const next = averages[Symbol.iterator]();
          const used = gradients.map((gradient) => gradient && next.next().value!);
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
