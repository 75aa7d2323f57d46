import {
  clone,
  dispose,
  keep,
  tensor as makeTensor,
  zerosLike,
  type NamedTensorMap,
  type Tensor,
  type Variable,
} from '@tensorflow/tfjs-core';
import { readVelocity } from '../engines/engine.js';
import { checkTensor, isOnCurrentBackend } from '../step/checks.js';

/** A tensor with its name, as tf.Optimizer's getWeights and setWeights exchange them. */
export interface NamedTensor {
  name: string;
  tensor: NamedTensorMap[string];
}

/** A variable that the optimiser has been given, with what belongs to it. */
interface Slot {
  readonly variable: Variable;
  /** Null without momentum. */
  velocity: Tensor | null;
}

/** A restored velocity whose variable no step has named yet. */
interface WaitingVelocity {
  /** Of the variable that it was saved for. */
  readonly name: string;
  readonly velocity: Tensor;
}

/** The slots that a step made at the end of the list. */
export interface AddedSlots {
  readonly slots: readonly Slot[];
  /** What was waiting before. */
  readonly waiting: readonly WaitingVelocity[];
}

const suffix = '/velocity';

/**
 * The variables that an optimiser has been given so far, in order, and the velocity of each.
 * Velocities that were restored before the first step wait until a step names their variables.
 */
export class Velocities {
  private slots: Slot[] = [];
  private readonly slotsByName = new Map<string, Slot>();
  private waiting: readonly WaitingVelocity[] = [];
  /** They came out of a step and nobody else has seen them. */
  private own = false;

  /** `owner` is named in errors; without momentum there are variables alone. */
  constructor(
    private readonly owner: string,
    private readonly momentum: boolean,
  ) {}

  get variables(): Variable[] {
    return this.slots.map(({ variable }) => variable);
  }

  /** One entry a variable; null without momentum. */
  get tensors(): Tensor[] | null {
    return this.momentum ? this.slots.map(({ velocity }) => velocity!) : null;
  }

  /**
   * Whether a step may write into the velocities. What was restored or made by tfjs may share its
   * buffer (NOTE [parameters are never written in place] in lib/engines/engine.ts holds for it as
   * well), and what another backend holds can only be read: tfjs hands out a copy.
   */
  get writable(): boolean {
    return (
      this.own && this.slots.every(({ velocity }) => !velocity || isOnCurrentBackend(velocity))
    );
  }

  /**
   * Makes slots for variables that are new and returns those; a variable that was disposed of gives
   * up its slot. Throws a RangeError where restored velocities do not fit the variables.
   */
  add(variables: readonly Variable[]): AddedSlots {
    this.forgetDisposed();
    const { waiting } = this;
    const unknown = variables.filter(({ name }) => !this.slotsByName.has(name));
    const restored = this.waitingFor(unknown);
    this.waiting = waiting.filter(({ velocity }) => !restored.includes(velocity));
    const slots = unknown.map((variable, i) => {
      const velocity = this.momentum ? (restored[i] ?? keep(zerosLike(variable))) : null;
      const slot: Slot = { variable, velocity };
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
    for (const { variable, velocity } of slots) {
      this.slotsByName.delete(variable.name);
      if (!waiting.some((each) => each.velocity === velocity)) velocity?.dispose();
    }
    this.waiting = waiting;
  }

  /** Takes over the velocities that a step made. */
  replace(velocities: readonly Tensor[]): void {
    this.slots.forEach((slot, i) => {
      slot.velocity?.dispose();
      slot.velocity = keep(velocities[i]!);
    });
    this.own = true;
  }

  /** Copies in host memory, which is freed with the tensors; named after the variables. */
  async copies(): Promise<NamedTensor[]> {
    const named = [
      ...this.slots.flatMap(({ variable: { name }, velocity }) =>
        velocity ? [{ name, velocity }] : [],
      ),
      ...this.waiting,
    ];
    const copies: NamedTensor[] = [];
    for (const { name, velocity } of named) {
      const values = await readVelocity(velocity);
      copies.push({ name: name + suffix, tensor: makeTensor(values, velocity.shape, 'float32') });
    }
    return copies;
  }

  /** Throws a RangeError unless {@link restore} can take these velocities. */
  checkRestorable(velocities: readonly NamedTensor[]): void {
    velocities.forEach(({ name, tensor }) => {
      checkTensor(() => `${this.owner}: weight ${name}`, tensor);
    });
    if (!this.momentum && velocities.length > 0) {
      throw new RangeError(
        `${this.owner}: setWeights was given ${velocities.length} velocities, but momentum is 0; ` +
          'make the optimiser with the momentum that it was saved with.',
      );
    }
    if (this.momentum && this.slots.length > 0) {
      this.checkFit(
        velocities.map(({ tensor }) => tensor),
        this.variables,
      );
    }
  }

  /** Takes over velocities that {@link checkRestorable} accepted; the tensors stay the caller's. */
  restore(velocities: readonly NamedTensor[]): void {
    // A clone shares the caller's buffer.
    const clones = velocities.map(({ tensor }) => keep(clone(tensor)));
    this.disposeWaiting();
    if (this.momentum && this.slots.length > 0) {
      this.replace(clones);
    } else {
      this.waiting = velocities.map(({ name }, i) => ({
        name: name.endsWith(suffix) ? name.slice(0, -suffix.length) : name,
        velocity: clones[i]!,
      }));
    }
    this.own = false;
  }

  dispose(): void {
    for (const { velocity } of this.slots) velocity?.dispose();
    this.disposeWaiting();
    this.slots = [];
    this.slotsByName.clear();
  }

  private disposeWaiting(): void {
    dispose(this.waiting.map(({ velocity }) => velocity));
    this.waiting = [];
  }

  /**
   * The waiting velocity of each variable, where there is one. By name where all names were saved:
   * a model whose layers were frozen for a while gives its variables in another order. Else by
   * order, at the first step: names change from session to session.
   */
  private waitingFor(variables: readonly Variable[]): (Tensor | undefined)[] {
    const { waiting } = this;
    if (waiting.length === 0) return [];
    const byName = new Map(waiting.map(({ name, velocity }) => [name, velocity]));
    const namesMatch = variables.every(({ name }) => byName.has(name));
    if (!namesMatch && this.slots.length === 0) {
      const inOrder = waiting.map(({ velocity }) => velocity);
      this.checkFit(inOrder, variables);
      return inOrder;
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
    for (const { variable, velocity } of gone) {
      velocity?.dispose();
      this.slotsByName.delete(variable.name);
    }
    this.slots = this.slots.filter(({ variable }) => !variable.isDisposed);
  }

  private checkFit(velocities: readonly Tensor[], variables: readonly Variable[]): void {
    if (velocities.length !== variables.length) {
      throw new RangeError(
        `${this.owner}: the saved state has ${velocities.length} velocities, but there are ` +
          `${variables.length} variables; it belongs to another model or another list of variables.`,
      );
    }
    velocities.forEach((velocity, i) => {
      const variable = variables[i]!;
      checkTensor(
        () => `${this.owner}: saved velocity ${i} (for '${variable.name}')`,
        velocity,
        variable.shape,
      );
    });
  }
}
