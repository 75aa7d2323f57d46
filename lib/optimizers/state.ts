import {
  clone,
  dispose,
  fill,
  keep,
  tensor as makeTensor,
  type NamedTensorMap,
  type Tensor,
  type Variable,
} from '@tensorflow/tfjs-core';
import { readState } from '../engines/engine.js';
import { checkTensor, isOnCurrentBackend } from '../step/checks.js';

/** A tensor with its name, as tf.Optimizer's getWeights and setWeights exchange them. */
export interface NamedTensor {
  name: string;
  tensor: NamedTensorMap[string];
}

/** What belongs to one variable. */
interface Kept {
  /** The rule's arrays of state. */
  readonly state: readonly Tensor[];
  /** Steps that the variable has taken. */
  readonly steps: number;
}

/** A variable that the optimiser has been given, with what belongs to it. */
interface Slot extends Kept {
  readonly variable: Variable;
  state: readonly Tensor[];
  steps: number;
}

/** Restored state whose variable no step has named yet. */
interface Waiting extends Kept {
  /** Of the variable that it was saved for. */
  readonly name: string;
}

/** The slots that a step made at the end of the list. */
export interface AddedSlots {
  readonly slots: readonly Slot[];
  /** What was waiting before. */
  readonly waiting: readonly Waiting[];
}

/** Saved state, checked to be complete. */
export type SavedState = readonly Waiting[];

/**
 * The variables that an optimiser has been given so far, in order, with the state of each. State
 * that was restored before the first step waits until a step names its variables.
 */
export class OptimizerState {
  private slots: Slot[] = [];
  private readonly slotsByName = new Map<string, Slot>();
  private waiting: readonly Waiting[] = [];
  /** The tensors came out of a step and nobody else has seen them. */
  private own = false;

  /**
   * `owner` is named in errors; `names` are those of the rule's arrays of state, which start at
   * `initial`, 0 where it says nothing.
   */
  constructor(
    private readonly owner: string,
    private readonly names: readonly string[],
    private readonly initial: Readonly<Record<string, number>> = {},
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

  /**
   * Whether a step may write into the tensors. What was restored or made by tfjs may share its
   * buffer (NOTE [parameters are never written in place] in lib/engines/engine.ts holds for it as
   * well), and what another backend holds can only be read: tfjs hands out a copy.
   */
  get writable(): boolean {
    return this.own && this.slots.every(({ state }) => state.every(isOnCurrentBackend));
  }

  /**
   * Makes slots for variables that are new and returns those; a variable that was disposed of gives
   * up its slot. Throws a RangeError where restored state does not fit the variables.
   */
  add(variables: readonly Variable[]): AddedSlots {
    this.forgetDisposed();
    const { waiting } = this;
    const unknown = variables.filter(({ name }) => !this.slotsByName.has(name));
    const restored = this.waitingFor(unknown);
    this.waiting = waiting.filter((each) => !restored.includes(each));
    const slots = unknown.map((variable, i) => {
      const state =
        restored[i]?.state ??
        this.names.map((name) => keep(fill(variable.shape, this.initial[name] ?? 0, 'float32')));
      const slot: Slot = { variable, state, steps: restored[i]?.steps ?? 0 };
      this.slots.push(slot);
      this.slotsByName.set(variable.name, slot);
      this.own = false;
      return slot;
    });
    return { slots, waiting };
  }

  /** Takes back what {@link add} did for a step that was then refused. */
  remove({ slots, waiting }: AddedSlots): void {
    this.slots.length -= slots.length;
    for (const { variable, state } of slots) {
      this.slotsByName.delete(variable.name);
      if (!waiting.some((each) => each.state === state)) dispose([...state]);
    }
    this.waiting = waiting;
  }

  /** Takes over the tensors that a step made, those of one variable after the other. */
  replace(tensors: readonly Tensor[]): void {
    const count = this.names.length;
    this.slots.forEach((slot, i) => {
      dispose([...slot.state]);
      slot.state = tensors.slice(i * count, (i + 1) * count).map((tensor) => keep(tensor));
    });
    this.own = true;
  }

  /** Counts a step of the variables that have a gradient; those of `add` alone where refused. */
  countStep(hasGradient: (variable: Variable) => boolean): void {
    for (const slot of this.slots) {
      if (hasGradient(slot.variable)) slot.steps++;
    }
  }

  /** Copies in host memory, which is freed with the tensors; named after the variables. */
  async copies(): Promise<{ tensors: NamedTensor[]; steps: number[] }> {
    const kept = [
      ...this.slots.map(({ variable: { name }, state, steps }) => ({ name, state, steps })),
      ...this.waiting,
    ];
    const tensors: NamedTensor[] = [];
    for (const { name, state } of kept) {
      for (const [k, tensor] of state.entries()) {
        const values = await readState(tensor);
        tensors.push({
          name: `${name}/${this.names[k]!}`,
          tensor: makeTensor(values, tensor.shape, 'float32'),
        });
      }
    }
    return { tensors, steps: kept.map(({ steps }) => steps) };
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
    const saved = Array.from({ length: variables }, (_, i): Waiting => {
      const own = tensors.slice(i * count, (i + 1) * count);
      const suffix = `/${names[0]!}`;
      const { name } = own[0]!;
      return {
        name: name.endsWith(suffix) ? name.slice(0, -suffix.length) : name,
        state: own.map(({ tensor }) => tensor),
        steps: steps?.[i] ?? stepsOfAll,
      };
    });
    if (count > 0 && this.slots.length > 0) this.checkFit(saved, this.variables);
    return saved;
  }

  /** Takes over what {@link checked} accepted; the tensors stay the caller's. */
  restore(saved: SavedState): void {
    // A clone shares the caller's buffer.
    const clones = saved.map(({ name, state, steps }) => ({
      name,
      state: state.map((tensor) => keep(clone(tensor))),
      steps,
    }));
    this.disposeWaiting();
    if (this.slots.length > 0 && this.names.length > 0) {
      this.replace(clones.flatMap(({ state }) => state));
      this.slots.forEach((slot, i) => {
        slot.steps = clones[i]!.steps;
      });
    } else {
      this.waiting = clones;
    }
    this.own = false;
  }

  dispose(): void {
    for (const { state } of this.slots) dispose([...state]);
    this.disposeWaiting();
    this.slots = [];
    this.slotsByName.clear();
  }

  private disposeWaiting(): void {
    dispose(this.waiting.flatMap(({ state }) => [...state]));
    this.waiting = [];
  }

  /**
   * The waiting state of each variable, where there is some. By name where all names were saved: a
   * model whose layers were frozen for a while gives its variables in another order. Else by order,
   * at the first step: names change from session to session.
   */
  private waitingFor(variables: readonly Variable[]): (Waiting | undefined)[] {
    const { waiting } = this;
    if (waiting.length === 0) return [];
    const byName = new Map(waiting.map((each) => [each.name, each]));
    const namesMatch = variables.every(({ name }) => byName.has(name));
    if (!namesMatch && this.slots.length === 0) {
      this.checkFit(waiting, variables);
      return [...waiting];
    }
    const found = variables.filter(({ name }) => byName.has(name));
    this.checkFit(
      found.map(({ name }) => byName.get(name)!),
      found,
    );
    return variables.map(({ name }) => byName.get(name));
  }

  private forgetDisposed(): void {
    const gone = this.slots.filter(({ variable }) => variable.isDisposed);
    if (gone.length === 0) return;
    for (const { variable, state } of gone) {
      dispose([...state]);
      this.slotsByName.delete(variable.name);
    }
    this.slots = this.slots.filter(({ variable }) => !variable.isDisposed);
  }

  private checkFit(saved: readonly Kept[], variables: readonly Variable[]): void {
    if (saved.length !== variables.length) {
      throw new RangeError(
        `${this.owner}: the saved state is that of ${saved.length} variables, but there are ` +
          `${variables.length} variables; it belongs to another model or another list of variables.`,
      );
    }
    saved.forEach(({ state }, i) => {
      const variable = variables[i]!;
      state.forEach((tensor, k) => {
        checkTensor(
          () => `${this.owner}: saved ${this.names[k]!} ${i} (for '${variable.name}')`,
          tensor,
          variable.shape,
        );
      });
    });
  }
}
