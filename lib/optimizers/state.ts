import {
  dispose,
  fill,
  keep,
  tensor as makeTensor,
  type NamedTensorMap,
  type Tensor,
  type Variable,
} from '@tensorflow/tfjs-core';
import { readState } from '../engines/engine.js';
import { checkTensor, isGone, isOnCurrentBackend } from '../step/checks.js';
import { cloned, hostTensor } from '../engines/host-tensor.js';
import type { StepExchange } from '../mpi/communicator.js';
import { isMadeUp, matchSaved } from './match-saved.js';
import { gatherShards, isCut, shardsOf, type CutSlot, type Shards } from './state-shards.js';
import { isNamed, type NamedSlot, type Slot } from './state-slot.js';

/** A tensor with its name, as tf.Optimizer's getWeights and setWeights exchange them. */
export interface NamedTensor {
  name: string;
  tensor: NamedTensorMap[string];
}

/** The whole arrays of slots whose own are shards. */
export type GatheredState = ReadonlyMap<Slot, readonly Float32Array[]>;

/** What {@link OptimizerState.add} did. */
export interface AddedSlots {
  /** Slots of variables that nothing was saved for. */
  readonly made: readonly Slot[];
  /** Slots that were waiting, with the names that they were saved for. */
  readonly found: readonly { readonly slot: Slot; readonly savedName: string }[];
}

/** Saved state, checked to be complete. */
export type SavedState = readonly Pick<Slot, 'name' | 'state' | 'steps'>[];

/** The state of those variables that a step names, in the order of the whole list. */
export class StateOfStep {
  constructor(
    private readonly slots: readonly NamedSlot[],
    /** Of all variables, those whose arrays are shards. */
    private readonly cutSlots: readonly CutSlot[],
  ) {}

  get variables(): Variable[] {
    return this.slots.map(({ variable }) => variable);
  }

  /** Steps that each variable has taken. */
  get steps(): number[] {
    return this.slots.map(({ steps }) => steps);
  }

  /** The arrays of each variable, one variable after the other. */
  get tensors(): Tensor[] {
    return this.slots.flatMap(({ state }) => state);
  }

  /** The rank that has the first shard of each variable; null: its arrays are whole. */
  get firsts(): (number | null)[] {
    return this.slots.map(({ first }) => first);
  }

  /**
   * Whether a step may write into the tensors. What was restored or made by tfjs may share its
   * buffer (NOTE [parameters are never written in place] in lib/engines/engine.ts holds for it as
   * well), and what another backend holds can only be read: tfjs hands out a copy.
   */
  get writable(): boolean {
    return this.slots.every(({ own, state }) => own && state.every(isOnCurrentBackend));
  }

  /** This rank's shards of the state; what is whole stays so until a step has made new ones. */
  shards(exchange: StepExchange): Shards {
    return shardsOf(this.slots, this.cutSlots, exchange);
  }

  /**
   * Takes over the tensors that a step made, those of one variable after the other.
   *
   * @param firsts Of shards. Null: the tensors are whole.
   */
  replace(tensors: readonly Tensor[], firsts: readonly number[] | null = null): void {
    const count = tensors.length / this.slots.length;
    this.slots.forEach((slot, i) => {
      dispose([...slot.state]);
      slot.state = tensors.slice(i * count, (i + 1) * count).map((tensor) => keep(tensor));
      slot.own = true;
      slot.first = firsts?.[i] ?? null;
    });
  }

  /** Takes over tensors and numbers of steps that came from elsewhere. */
  overwrite(tensors: readonly Tensor[], steps: ArrayLike<number>): void {
    this.replace(tensors);
    this.slots.forEach((slot, i) => {
      slot.own = false;
      slot.steps = steps[i]!;
    });
  }

  /** Counts a step of the variables that have a gradient, one entry each; null: none. */
  countStep(gradients: readonly (Tensor | null)[]): void {
    this.slots.forEach((slot, i) => {
      if (gradients[i]) slot.steps++;
    });
  }
}

/** Calls `makeAll` with what makes and keeps one tensor; where it throws, none of them is left. */
function keptTensors<Result>(makeAll: (make: (one: () => Tensor) => Tensor) => Result): Result {
  const made: Tensor[] = [];
  try {
    return makeAll((one) => {
      const tensor = keep(one());
      made.push(tensor);
      return tensor;
    });
  } catch (error) {
    dispose(made);
    throw error;
  }
}

/**
 * The variables that an optimiser has been given so far, in order, with the state of each. State
 * that was restored before the first step waits in its place until a step names its variable.
 */
export class OptimizerState {
  private slots: Slot[] = [];
  private readonly slotsByName = new Map<string, NamedSlot>();

  /**
   * `owner` is named in errors; `names` are those of the rule's arrays of state, which start at
   * `initial`, 0 where it says nothing.
   */
  constructor(
    private readonly owner: string,
    private readonly names: readonly string[],
    private readonly initial: Readonly<Record<string, number>> = {},
  ) {}

  /** All that steps have named. */
  get variables(): Variable[] {
    return this.slots.filter(isNamed).map(({ variable }) => variable);
  }

  /** The state of these variables, each of which has a slot. */
  of(variables: ReadonlyMap<Variable, unknown>): StateOfStep {
    return new StateOfStep(
      this.slots.filter((slot): slot is NamedSlot => isNamed(slot) && variables.has(slot.variable)),
      this.slots.filter(isCut),
    );
  }

  /**
   * Makes slots for variables that are new; a variable that was disposed of gives up its slot.
   * Throws a RangeError where restored state does not fit the variables.
   */
  add(variables: readonly Variable[]): AddedSlots {
    this.forgetDisposed();
    const unknown = variables.filter(({ name }) => !this.slotsByName.has(name));
    if (unknown.length === 0) return { made: [], found: [] };
    const waiting = this.waitingFor(unknown);
    // All that may fail first: memory may run out.
    const states = keptTensors((make) =>
      unknown.map(({ shape }, i) =>
        waiting[i]
          ? waiting[i].state
          : this.names.map((array) => make(() => fill(shape, this.initial[array] ?? 0, 'float32'))),
      ),
    );
    const made: Slot[] = [];
    const found: { slot: Slot; savedName: string }[] = [];
    unknown.forEach((variable, i) => {
      const { name } = variable;
      let slot = waiting[i];
      if (slot) {
        found.push({ slot, savedName: slot.name });
        slot.variable = variable;
        slot.name = name;
      } else {
        slot = { variable, name, state: states[i]!, steps: 0, own: false, first: null };
        made.push(slot);
      }
      this.slotsByName.set(name, slot as NamedSlot);
    });
    this.insert(made, variables);
    return { made, found };
  }

  /** Takes back what {@link add} did for a step that was then refused. */
  remove({ made, found }: AddedSlots): void {
    for (const { name, state } of made) {
      this.slotsByName.delete(name);
      dispose([...state]);
    }
    if (made.length > 0) this.slots = this.slots.filter((slot) => !made.includes(slot));
    for (const { slot, savedName } of found) {
      this.slotsByName.delete(slot.name);
      slot.variable = null;
      slot.name = savedName;
    }
  }

  /**
   * Copies of this moment in host memory, which is freed with the tensors; named after the variables.
   *
   * @param gathered Of this moment, too.
   */
  async copies(gathered: GatheredState): Promise<{ tensors: NamedTensor[]; steps: number[] }> {
    const steps = this.slots.map((slot) => slot.steps);
    // All reads begin before the first is waited for.
    const reads = this.slots.flatMap((slot) =>
      slot.state.map(async (tensor, k) => {
        const shape = slot.variable?.shape ?? tensor.shape;
        const values = gathered.get(slot)?.[k] ?? (await readState(tensor));
        return { name: `${slot.name}/${this.names[k]!}`, tensor: hostTensor(values, shape) };
      }),
    );
    return { tensors: await Promise.all(reads), steps };
  }

  /**
   * What {@link copies} gave, taken apart; the tensors stay the caller's. Throws a RangeError unless
   * {@link restore} can take it. Without `steps` all variables have taken `stepsOfAll`.
   */
  checked(
    tensors: readonly NamedTensor[],
    steps: readonly number[] | null,
    stepsOfAll: number,
  ): SavedState {
    const { owner, names } = this;
    const count = names.length;
    tensors.forEach(({ name, tensor }) => {
      checkTensor(() => `${owner}: weight ${name}`, tensor);
    });
    const variables = count === 0 ? 0 : tensors.length / count;
    if (count === 0 && tensors.length > 0) {
      throw new RangeError(
        `${owner}: setWeights was given ${tensors.length} arrays of state, but this optimiser has ` +
          'none; make it with the settings (momentum) that it was saved with.',
      );
    }
    if (!Number.isInteger(variables)) {
      throw new RangeError(
        `${owner}: setWeights was given ${tensors.length} arrays of state, but each variable has ` +
          `${count} (${names.join(', ')}); make the optimiser with the settings that it was saved with.`,
      );
    }
    if (steps && steps.length !== variables) {
      throw new RangeError(
        `${owner}: setWeights was given step numbers of ${steps.length} variables and the state of ` +
          `${variables}; give it what getWeights gave.`,
      );
    }
    const saved = Array.from({ length: variables }, (_, i) => {
      const own = tensors.slice(i * count, (i + 1) * count);
      const suffix = `/${names[0]!}`;
      const { name } = own[0]!;
      return {
        name: name.endsWith(suffix) ? name.slice(0, -suffix.length) : name,
        state: own.map(({ tensor }) => tensor),
        steps: steps?.[i] ?? stepsOfAll,
      };
    });
    if (count > 0 && this.slotsByName.size > 0) this.checkFit(saved, this.variables);
    return saved;
  }

  /** Takes over what {@link checked} accepted; the tensors stay the caller's. */
  restore(saved: SavedState): void {
    // A clone shares the caller's buffer.
    const clones = keptTensors((make) =>
      saved.map(({ name, state, steps }) => ({
        name,
        state: state.map((tensor) => make(() => cloned(tensor))),
        steps,
        own: false,
        first: null,
      })),
    );
    const replaced = this.slotsByName.size > 0 && this.names.length > 0;
    const named = this.slots.filter(isNamed);
    for (const { state } of replaced ? this.slots : this.slots.filter((slot) => !isNamed(slot))) {
      dispose([...state]);
    }
    if (replaced) {
      named.forEach((slot, i) => {
        const { state, steps, own, first } = clones[i]!;
        Object.assign(slot, { state, steps, own, first });
      });
      this.slots = named;
    } else {
      this.slots = [...named, ...clones.map((each) => ({ ...each, variable: null }))];
    }
  }

  dispose(): void {
    for (const { state } of this.slots) dispose([...state]);
    this.slots = [];
    this.slotsByName.clear();
  }

  /** Makes shards whole; where there are some, all ranks call it. */
  makeWhole(exchange: StepExchange | null): void {
    for (const [slot, arrays] of this.gathered(exchange)) {
      const { shape } = slot.variable!;
      dispose([...slot.state]);
      slot.state = arrays.map((values) => keep(makeTensor(values, shape, 'float32')));
      slot.own = false;
      slot.first = null;
    }
  }

  /** The whole arrays of those that are shards; where there are some, all ranks call it. */
  gathered(exchange: StepExchange | null): GatheredState {
    const { owner, names } = this;
    const cut = this.slots.filter(isCut);
    const whole = new Map<Slot, Float32Array[]>();
    if (cut.length === 0) return whole;
    if (!exchange) {
      throw new Error(
        `${owner}: its state is in shards on the ranks that it has trained with, and it has no ` +
          'communicator any more; set it again, or take getWeights() on all ranks before and give it to a ' +
          'new optimiser.',
      );
    }
    const arrays = gatherShards(owner, cut, exchange);
    cut.forEach((slot, i) => {
      whole.set(slot, arrays.slice(i * names.length, (i + 1) * names.length));
    });
    return whole;
  }

  /** The waiting slot of each variable, where there is one. */
  private waitingFor(variables: readonly Variable[]): (Slot | undefined)[] {
    const waiting = this.slots.filter((slot) => !isNamed(slot));
    if (waiting.length === 0) return [];
    const places = matchSaved(
      this.owner,
      'the saved state is that of',
      waiting.map(({ name, state }) => ({ name, shape: state[0]!.shape })),
      variables,
      this.slotsByName.size > 0,
    );
    const slots = places.map((place) => (place === undefined ? undefined : waiting[place]));
    const found = variables.filter((_, i) => slots[i]);
    this.checkFit(
      slots.filter((slot) => slot !== undefined),
      found,
    );
    return slots;
  }

  /**
   * Adds slots at the end; where tfjs has made up names, in the order of the step's variables: it is
   * what finds them again.
   */
  private insert(made: readonly Slot[], variables: readonly Variable[]): void {
    if (!made.some(({ name }) => isMadeUp(name))) {
      this.slots.push(...made);
      return;
    }
    const places = new Map(variables.map(({ name }, place) => [name, place]));
    for (const slot of made) {
      const place = places.get(slot.name)!;
      const next = this.slots.findIndex(
        (other) => isNamed(other) && (places.get(other.name) ?? -1) > place,
      );
      this.slots.splice(next === -1 ? this.slots.length : next, 0, slot);
    }
  }

  private forgetDisposed(): void {
    const hasLost = ({ variable }: Slot) => variable !== null && isGone(variable);
    const gone = this.slots.filter(hasLost);
    if (gone.length === 0) return;
    for (const { name, state } of gone) {
      dispose([...state]);
      this.slotsByName.delete(name);
    }
    this.slots = this.slots.filter((slot) => !hasLost(slot));
  }

  private checkFit(saved: readonly Pick<Slot, 'state'>[], variables: readonly Variable[]): void {
    if (saved.length !== variables.length) {
      throw new RangeError(
        `${this.owner}: the saved state is that of ${saved.length} variables, but there are ` +
          `${variables.length} variables; it belongs to another model or another list of variables.`,
      );
    }
    saved.forEach(({ state }, i) => {
      const variable = variables[i]!;
      state.forEach((tensor, k) => {
        const label = () => `${this.owner}: saved ${this.names[k]!} ${i} (for '${variable.name}')`;
        if (String(tensor.shape) !== String(variable.shape)) {
          throw new RangeError(
            `${label()} has shape [${tensor.shape.join(', ')}], but its parameter has ` +
              `[${variable.shape.join(', ')}]; what has no name of its own is found by its order: ` +
              'list the variables as they were when the state was saved, or name variables and ' +
              'layers before saving.',
          );
        }
        checkTensor(label, tensor);
      });
    });
  }
}
