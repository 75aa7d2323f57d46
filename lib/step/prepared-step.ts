import type { DeviceBuffer } from '../engines/device-buffer.js';
import type { StepReport } from '../rules/report.js';
import { shown } from '../values/shown.js';
import { aliGStep } from './alig-step.js';
import type { FlatLists } from './flat-lists.js';
import { flatStepper } from './flat-step.js';
import {
  exchangeOf,
  isTensorStep,
  listAndSettingNames,
  readStepOptions,
  type DeviceStepOptions,
  type HostStepOptions,
} from './step-options.js';

const owner = 'prepareAliGStep';

/** A step of ALI-G over the same arrays each time. Made by {@link prepareAliGStep}. */
export interface PreparedAliGStep {
  /**
   * Makes one step, as fusedAliGStep does with the lists and settings that were given: gradients are
   * read from the same arrays each time.
   *
   * @param loss The loss at the current parameters that the gradients belong to.
   * @throws TypeError where the loss is no number, Error where an array has lost its memory
   * (transferred, shrunk, disposed of) or the step is disposed, and NonFiniteError as fusedAliGStep
   * does. Nothing was changed then.
   */
  step(loss: number): StepReport;
  /** Lets go of the arrays; they stay the caller's. Repeating it does nothing. */
  dispose(): void;
}

/**
 * Returns what finds an array that has lost its memory. The addresses were taken once: a Float32Array
 * whose buffer was transferred or has shrunk gives them up, and says so by its length. Views of our
 * own are asked, which nobody else can have given another length.
 */
function lossOfMemory({
  parameters,
  gradients,
  velocities,
}: FlatLists<Float32Array | DeviceBuffer>): () => string | null {
  const lists = { parameters, gradients, velocities };
  const named = Object.entries(lists).flatMap(([list, entries]) =>
    entries.flatMap((entry, i) => (entry ? [{ name: `${list}[${i}]`, entry }] : [])),
  );
  const buffers: DeviceBuffer[] = [];
  const views: Float32Array[] = [];
  for (const { entry } of named) {
    if ('isDisposed' in entry) buffers.push(entry);
    else views.push(new Float32Array(entry.buffer, entry.byteOffset, entry.length));
  }
  const lengths = views.map(({ length }) => length);
  return () => {
    for (let i = 0; i < views.length; i++) {
      if (views[i]!.length !== lengths[i]) {
        return `${named[i]!.name} has lost its memory (its buffer was transferred or has shrunk)`;
      }
    }
    for (let i = 0; i < buffers.length; i++) {
      if (buffers[i]!.isDisposed) return `${named[i]!.name} is disposed`;
    }
    return null;
  };
}

/**
 * Prepares steps of ALI-G over the same arrays: checks lists and settings once and keeps the addresses,
 * so that a step costs the host only microseconds whatever the number of tensors is
 * (`npm run bench -- host`). For trainers that write each gradient into the array of the step before.
 *
 * @param options Those of fusedAliGStep over `Float32Array`s or `DeviceBuffer`s, without the loss.
 * @throws TypeError, RangeError or Error for bad arguments, as fusedAliGStep.
 */
export function prepareAliGStep(
  options: Omit<HostStepOptions, 'loss'> | Omit<DeviceStepOptions, 'loss'>,
): PreparedAliGStep {
  const read = readStepOptions(owner, options, listAndSettingNames);
  if (isTensorStep(read)) {
    throw new TypeError(
      `${owner}: parameters must be Float32Arrays or DeviceBuffers, not tensors, which a step gives new ` +
        'memory; make an AliG, or call fusedAliGStep.',
    );
  }
  const exchange = exchangeOf(owner, read.communicator);
  const stepper = flatStepper(owner, read, aliGStep(owner, read));
  let prepared: { make: typeof stepper.step; lost: () => string | null } | null = {
    make: stepper.step,
    lost: lossOfMemory(stepper.lists),
  };
  const makeStep = (loss: number) => {
    if (!prepared) throw new Error(`${owner}: this step is disposed; prepare it anew.`);
    if (typeof loss !== 'number') {
      throw new TypeError(`${owner}: step takes the loss as a number, not ${shown(loss)}.`);
    }
    const lost = prepared.lost();
    if (lost !== null) throw new Error(`${owner}: ${lost}; prepare the step anew.`);
    return prepared.make(loss);
  };
  return {
    step: (loss) => (exchange ? exchange.step(() => makeStep(loss)) : makeStep(loss)),
    dispose: () => {
      prepared = null;
    },
  };
}
