/** The lists of a step over arrays that have a length and no shape, of one kind. */
import type { DeviceBuffer } from '../engines/device-buffer.js';
import type { RuleStep } from '../rules/rule-step.js';
import { checkArray, checkDeviceBuffer, checkSomeGradient, type Label } from './checks.js';
import { checkedVelocities, type DeviceStepOptions, type HostStepOptions } from './step-options.js';

/** Checked: of each parameter's length. */
export interface FlatLists<Flat> {
  readonly parameters: readonly Flat[];
  /** Null: no gradient. */
  readonly gradients: readonly (Flat | null)[];
  /** Empty where the step has none. */
  readonly velocities: readonly Flat[];
}

/** Calls `check` with each entry, which names it for an error alone, and with its parameter's length. */
function checkEntries(
  { parameters, gradients, velocities }: FlatLists<{ readonly length: number }>,
  check: (name: Label, value: unknown, length?: number) => void,
): void {
  for (let i = 0; i < parameters.length; i++) {
    const parameter = parameters[i]!;
    check(() => `parameters[${i}]`, parameter);
    const gradient = gradients[i];
    if (gradient !== null) check(() => `gradients[${i}]`, gradient, parameter.length);
    if (velocities.length > 0) {
      check(() => `velocities[${i}]`, velocities[i], parameter.length);
    }
  }
}

function listsOf<Flat>(
  owner: string,
  options: Omit<HostStepOptions | DeviceStepOptions, 'loss'>,
  step: RuleStep,
): FlatLists<Flat> {
  const { parameters, gradients } = options as { parameters: Flat[]; gradients: (Flat | null)[] };
  const velocities = checkedVelocities(owner, options as DeviceStepOptions, step) ?? [];
  return { parameters, gradients, velocities: velocities as Flat[] };
}

/** The lists of a step over host arrays; that none overlap, the engine finds out. */
export function hostLists(
  owner: string,
  options: Omit<HostStepOptions, 'loss'>,
  step: RuleStep,
): FlatLists<Float32Array> {
  const lists = listsOf<Float32Array>(owner, options, step);
  checkEntries(lists, (name, array, length) => {
    checkArray(() => `${owner}: ${name()}`, array, length);
  });
  checkSomeGradient(owner, lists.gradients);
  return lists;
}

/** The lists of a step over arrays on a GPU, no two of them the same. */
export function deviceLists(
  owner: string,
  options: Omit<DeviceStepOptions, 'loss'>,
  step: RuleStep,
): FlatLists<DeviceBuffer> {
  const lists = listsOf<DeviceBuffer>(owner, options, step);
  const seen = new Map<unknown, Label>();
  checkEntries(lists, (name, buffer, length) => {
    checkDeviceBuffer(() => `${owner}: ${name()}`, buffer, length);
    const earlier = seen.get(buffer);
    if (earlier) {
      throw new Error(
        `${owner}: ${name()} is the same DeviceBuffer as ${earlier()}; give each its own.`,
      );
    }
    seen.set(buffer, name);
  });
  checkSomeGradient(owner, lists.gradients);
  return lists;
}

/** Refuses two arrays that share memory, by their places in the lists one after the other. */
export function overlapError(
  owner: string,
  { parameters }: FlatLists<Float32Array>,
  [one, other]: readonly [number, number],
): Error {
  const label = (place: number) => {
    const list = ['parameters', 'gradients', 'velocities'][Math.floor(place / parameters.length)]!;
    return `${list}[${place % parameters.length}]`;
  };
  return new Error(
    `${owner}: ${label(one)} and ${label(other)} share memory; give each its own array (slice() makes ` +
      'a copy).',
  );
}
