import {
  clone,
  dispose,
  engine,
  keep,
  Optimizer,
  scalar,
  serialization,
  tensor as makeTensor,
  zerosLike,
  type Scalar,
  type Tensor,
  type Variable,
} from '@tensorflow/tfjs-core';
import { l2Ball, type L2Ball } from '../constraints/l2-ball.js';
import { engineOfBackend } from '../engines/choose.js';
import { replaceValue, type TensorStep } from '../engines/engine.js';
import {
  checkLoss,
  checkSomeGradient,
  checkTensor,
  checkVariable,
  isOnCurrentBackend,
  lossForBackend,
} from '../step/checks.js';
import { whereNotFinite } from '../step/fused-alig-step.js';
import {
  checkOutcome,
  NonFiniteError,
  type DeferredOutcome,
  type StepReport,
} from '../step/report.js';
import { checkedSettings, checkOptionNames, shown, type StepSettings } from '../step/settings.js';

const owner = 'AliG';

/** Options of {@link AliG}. */
export interface AliGOptions {
  /**
   * Maximal learning rate (eta in the paper), the one hyper-parameter to choose: positive, often a
   * power of ten such as 0.1. Null: none (ALI-G-infinity).
   */
  maxLearningRate: number | null;
  /** Nesterov momentum (mu), 0 <= momentum < 1. Default: 0.9. */
  momentum?: number;
  /** Added to the squared gradient norm (delta), at least 0. Default: 1e-5. */
  epsilon?: number;
  /** Lower bound of the loss, 0 for losses that can be interpolated. Default: 0. */
  lowerBound?: number;
  /** Velocities average gradients instead of steps. Default: false. */
  adjustedMomentum?: boolean;
  /** The feasible set: `l2Ball(radius)`, or null for none. Default: null. */
  constraint?: L2Ball | null;
}

/** Gradients by variable name; null or undefined: no gradient in this step. */
export type GradientMap = Readonly<Record<string, Tensor | null | undefined>>;
/** Gradients as a list, which fixes the order of the variables. */
export type GradientList = readonly { name: string; tensor: Tensor | null | undefined }[];

type NamedTensor = Awaited<ReturnType<Optimizer['getWeights']>>[number];

/** A variable that the optimiser has been given, with what belongs to it. */
interface Slot {
  readonly variable: Variable;
  /** Null without momentum. */
  velocity: Tensor | null;
}

/** The slots that a step made at the end of the list. */
interface AddedSlots {
  readonly slots: readonly Slot[];
  /** Their velocities came from setWeights. */
  readonly restored: boolean;
}

const optionNames = [
  'maxLearningRate',
  'momentum',
  'epsilon',
  'lowerBound',
  'adjustedMomentum',
  'constraint',
];

function radiusOf(constraint: unknown): number | null {
  if (constraint === null) return null;
  const ball = constraint as Partial<L2Ball>;
  if (typeof constraint !== 'object' || ball.className !== 'L2Ball') {
    throw new TypeError(
      `${owner}: constraint must be l2Ball(radius) or null, not ${shown(constraint)}.`,
    );
  }
  return l2Ball(ball.config?.radius as number).config.radius;
}

/** Whether a step ended before it wrote anything. */
function refuses({ status }: StepReport): boolean {
  return status !== 'taken' && status !== 'parameterOverflow';
}

/** Whether a step ended with this error before it wrote anything. */
function wasRefused(error: unknown): boolean {
  return error instanceof NonFiniteError && refuses(error.report);
}

function engineSettings({ constraint, ...options }: Required<AliGOptions>): StepSettings {
  return checkedSettings(owner, { ...options, maxNorm: radiusOf(constraint) });
}

/**
 * The ALI-G optimiser: SGD with Nesterov momentum whose step size is computed from the loss at
 * each step, min(loss / (|g|^2 + epsilon), maxLearningRate), so that no schedule has to be tuned
 * (Algorithm 1 of "Training Neural Networks for and by Interpolation").
 *
 *     model.compile({optimizer: new AliG({maxLearningRate: 0.1}), loss: 'categoricalCrossentropy'});
 *
 * It is a `tf.Optimizer`: give it to `model.compile`, call `minimize`, or compute gradients
 * yourself and call `applyGradients(gradients, {loss})`. The loss must be the quantity that can
 * reach `lowerBound`: regularise with `constraint`, not with regularisers, whose penalty tfjs adds
 * to the loss ({@link assertNoRegularizers}). One gradient norm and one constraint cover all
 * variables together.
 */
export class AliG extends Optimizer {
  /** @nocollapse */
  static readonly className = 'AliG';

  /** As they were given, for getConfig. */
  private options: Required<AliGOptions>;
  /** As the engines take them. */
  private settings: StepSettings;
  private slots: Slot[] = [];
  private readonly slotsByName = new Map<string, Slot>();
  /** The velocities came out of our own step and nobody else has seen them. */
  private ownVelocities = false;
  /** Velocities of setWeights, until the first step names the variables. */
  private pendingVelocities: Tensor[] | null = null;
  private constrained = false;
  /** The variables before the projection that precedes the first step, until that is taken. */
  private unprojected: { variable: Variable; value: Tensor }[] = [];
  private disposed = false;
  private report: StepReport | null = null;
  /** How the last step ended where the device answers later (webgl, webgpu), until that was told. */
  private deferred: DeferredOutcome | null = null;

  /**
   * @throws TypeError for an unknown or missing option, RangeError for a value out of range.
   */
  constructor(options: AliGOptions) {
    super();
    checkOptionNames(owner, options, optionNames);
    if ((options.maxLearningRate as unknown) === undefined) {
      throw new TypeError(
        `${owner}: maxLearningRate is missing; give a positive number such as 0.1, or null for ` +
          'no maximal learning rate (ALI-G-infinity).',
      );
    }
    const {
      maxLearningRate,
      momentum = 0.9,
      epsilon = 1e-5,
      lowerBound = 0,
      adjustedMomentum = false,
      constraint = null,
    } = options;
    this.options = {
      maxLearningRate,
      momentum,
      epsilon,
      lowerBound,
      adjustedMomentum,
      constraint,
    };
    this.settings = engineSettings(this.options);
    this.iterations_ = 0;
  }

  /** Maximal learning rate (eta), null for none. May be set between steps. */
  get maxLearningRate(): number | null {
    return this.options.maxLearningRate;
  }

  set maxLearningRate(value: number | null) {
    const options = { ...this.options, maxLearningRate: value };
    this.settings = engineSettings(options);
    this.options = options;
  }

  /** The number of steps taken; a refused one does not count. Waits for the device to know. */
  override get iterations(): number {
    this.deferred?.error();
    return super.iterations;
  }

  /**
   * What the last step did; null before the first one. Also set by a step that was refused. On
   * webgl and webgpu it is read from the device when one of its fields is first looked at, which
   * throws a NonFiniteError if the step met a number that is not finite.
   */
  get lastStep(): StepReport | null {
    return this.report;
  }

  /**
   * Computes f and its gradients and makes one step.
   *
   * @param f Computes the loss, a scalar, from the variables.
   * @param returnCost Whether to return the loss; else null is returned. Default: false.
   * @param varList The variables to change. Default: all trainable ones.
   * @throws As {@link applyGradients}, and what tfjs throws where f does not give a scalar.
   */
  override minimize(f: () => Scalar, returnCost = false, varList?: Variable[]): Scalar | null {
    this.assertUsable();
    try {
      if (varList) this.constrainOnce(varList);
      let computed = this.computeGradients(f, varList);
      try {
        if (!varList && this.constrainOnce(this.variablesOf(Object.keys(computed.grads)))) {
          // The gradients belong to parameters that were outside of the feasible set.
          dispose(computed.grads);
          computed.value.dispose();
          computed = this.computeGradients(f);
        }
        const { value, grads } = computed;
        this.applyGradients(
          varList ? varList.map(({ name }) => ({ name, tensor: grads[name] })) : grads,
          { loss: value },
        );
      } catch (error) {
        computed.value.dispose();
        throw error;
      } finally {
        dispose(computed.grads);
      }
      if (returnCost) return computed.value;
      computed.value.dispose();
      return null;
    } catch (error) {
      this.endFirstProjection(false);
      throw error;
    }
  }

  /**
   * Makes one step with gradients that were computed elsewhere; they stay the caller's.
   *
   * @param gradients By variable name, or a list of {name, tensor}; a null tensor: the variable has
   * no gradient in this step, keeps value and velocity, and takes part in the constraint.
   * @param step.loss The loss that the gradients belong to, a number or a scalar tensor.
   * @throws TypeError, RangeError or Error for bad arguments and NonFiniteError where the loss, a
   * gradient or the step size is not finite: nothing was changed then, and the step does not count.
   */
  override applyGradients(
    gradients: GradientMap | GradientList,
    step?: { loss?: number | Tensor },
  ): void {
    this.assertUsable();
    const loss: unknown = step?.loss;
    if (loss === undefined) {
      throw new TypeError(
        `${owner}: applyGradients needs the loss that the gradients belong to: ` +
          'applyGradients(gradients, {loss}). minimize() and model.fit() hand it over by themselves.',
      );
    }
    checkLoss(owner, loss);
    const given = this.checkedGradients(gradients);
    this.raiseDeferredError();
    try {
      this.step(given, loss);
    } catch (error) {
      this.endFirstProjection(error instanceof NonFiniteError && !wasRefused(error));
      throw error;
    }
    if (!this.deferred) this.endFirstProjection(true);
  }

  /** The options, as JSON can hold them; {@link fromConfig} takes them back. */
  override getConfig(): serialization.ConfigDict {
    const { constraint, ...numbers } = this.options;
    return { ...numbers, constraint: constraint && { ...constraint } };
  }

  /** Makes an optimiser from what {@link getConfig} gave. */
  static override fromConfig<T extends serialization.Serializable>(
    cls: serialization.SerializableConstructor<T>,
    config: serialization.ConfigDict,
  ): T {
    // tfjs-layers adds what the caller named as custom objects.
    const options = { ...config };
    delete options['customObjects'];
    return new cls(options);
  }

  /**
   * The number of steps taken, then one velocity a variable in the order in which they were given
   * (none without momentum). They are real copies: later steps do not change them, and they are the
   * caller's to dispose of. The copies lie in host memory, which is freed with the tensors: tfjs's
   * model.save() asks for them and never disposes of them.
   */
  override async getWeights(): Promise<NamedTensor[]> {
    this.assertUsable();
    const velocities: NamedTensor[] = [];
    for (const { variable, velocity } of this.slots) {
      if (!velocity) continue;
      const values = (await velocity.data<'float32'>()).slice();
      velocities.push({
        name: `${variable.name}/velocity`,
        tensor: makeTensor(values, velocity.shape, 'float32'),
      });
    }
    this.pendingVelocities?.forEach((velocity, i) => {
      velocities.push({
        name: `variable${i}/velocity`,
        tensor: makeTensor(velocity.dataSync<'float32'>().slice(), velocity.shape, 'float32'),
      });
    });
    return [{ name: 'iter', tensor: scalar(this.iterations, 'int32') }, ...velocities];
  }

  /**
   * Takes over what {@link getWeights} gave; the tensors stay the caller's. Velocities are matched
   * to variables by their order, with their shapes checked: names change from session to session.
   * Before the first step that match is made when the first step names the variables.
   *
   * @throws RangeError where number or shapes do not fit: nothing was changed then.
   */
  override async setWeights(weights: NamedTensor[]): Promise<void> {
    this.assertUsable();
    const [iterations, ...velocities] = weights;
    if (iterations?.tensor.size !== 1) {
      throw new RangeError(
        `${owner}: setWeights takes what getWeights gave: the number of steps, then one velocity a ` +
          'variable.',
      );
    }
    velocities.forEach(({ name, tensor }) => {
      checkTensor(() => `${owner}: weight ${name}`, tensor);
    });
    if (this.settings.momentum === 0 && velocities.length > 0) {
      throw new RangeError(
        `${owner}: setWeights was given ${velocities.length} velocities, but momentum is 0; make ` +
          'the optimiser with the momentum that it was saved with.',
      );
    }
    if (this.slots.length > 0 && this.settings.momentum !== 0) {
      this.checkVelocityShapes(
        velocities.map(({ tensor }) => tensor),
        this.slots.map(({ variable }) => variable),
      );
    }
    const count = (await iterations.tensor.data())[0]!;
    // A step whose outcome is open would be counted on top of it.
    this.deferred?.error();
    // A clone shares the caller's buffer, so that the next step must not write into it.
    const copies = velocities.map(({ tensor }) => keep(clone(tensor)));
    this.ownVelocities = false;
    dispose(this.pendingVelocities ?? []);
    this.pendingVelocities = null;
    if (this.slots.length === 0) {
      if (copies.length > 0) this.pendingVelocities = copies;
    } else {
      this.replaceVelocities(copies);
      this.ownVelocities = false;
    }
    this.iterations_ = count;
    this.constrained = count > 0;
  }

  /** Frees the velocities. The optimiser can't be used afterwards; repeating it does nothing. */
  override dispose(): void {
    this.disposed = true;
    this.endFirstProjection(true);
    for (const { velocity } of this.slots) velocity?.dispose();
    dispose(this.pendingVelocities ?? []);
    this.pendingVelocities = null;
    this.slots = [];
    this.slotsByName.clear();
  }

  private step(given: ReadonlyMap<Variable, Tensor | null>, loss: number | Tensor): void {
    const variables = [...given.keys()];
    this.constrainOnce(variables);
    const added = this.addSlots(variables);
    const { settings } = this;
    const input: TensorStep = {
      variables: this.slots.map(({ variable }) => variable),
      gradients: this.slots.map(({ variable }) => given.get(variable) ?? null),
      velocities: settings.momentum === 0 ? null : this.slots.map(({ velocity }) => velocity!),
      // What another backend holds can only be read: tfjs hands out a copy.
      velocitiesInPlace:
        this.ownVelocities &&
        this.slots.every(({ velocity }) => !velocity || isOnCurrentBackend(velocity)),
      loss: lossForBackend(loss),
      settings,
    };
    let taken = false;
    try {
      // A velocity may lie on another backend: where variables move, tfjs leaves it behind.
      for (const { variable } of this.slots) {
        if (!given.has(variable)) {
          checkVariable(() => `${owner}: variable '${variable.name}'`, variable);
        }
      }
      const { report, deferred, newVelocities } = engineOfBackend()(input);
      this.report = report;
      this.deferred = deferred;
      if (newVelocities) this.replaceVelocities(newVelocities);
      taken = deferred !== null || !refuses(report);
      if (!deferred) {
        if (taken) this.incrementIterations();
        checkOutcome(report, () => whereNotFinite(input, report));
      }
      deferred?.whenKnown((error) => {
        this.endDeferredStep(error, added);
      });
    } finally {
      if (!taken) this.removeSlots(added);
    }
  }

  /** Does at last what a step that was not deferred has done before it returned. */
  private endDeferredStep(error: NonFiniteError | null, added: AddedSlots): void {
    if (this.disposed) return;
    const refused = wasRefused(error);
    if (refused) this.removeSlots(added);
    else this.incrementIterations();
    this.endFirstProjection(!refused);
  }

  private assertUsable(): void {
    if (this.disposed) throw new Error(`${owner}: this optimiser is disposed; make a new one.`);
  }

  /** At the latest the next step says that the one before it was refused. */
  private raiseDeferredError(): void {
    const { deferred } = this;
    if (!deferred) return;
    const error = deferred.error();
    this.deferred = null;
    if (error && !deferred.told()) throw error;
  }

  private variablesOf(names: readonly string[]): Variable[] {
    return names.map((name) => {
      const variable = engine().registeredVariables[name];
      if (!variable) {
        throw new Error(
          `${owner}: there is a gradient for '${name}', but no variable of that name; gradients ` +
            'are named after variables (variable.name).',
        );
      }
      return variable;
    });
  }

  /** The gradients by variable, in order, each checked. */
  private checkedGradients(gradients: GradientMap | GradientList): Map<Variable, Tensor | null> {
    if (typeof gradients !== 'object' || (gradients as unknown) === null) {
      throw new TypeError(
        `${owner}: gradients must be a map by variable name or a list of {name, tensor}, not ` +
          `${shown(gradients)}.`,
      );
    }
    const list = Array.isArray(gradients)
      ? (gradients as GradientList)
      : Object.entries(gradients as GradientMap).map(([name, tensor]) => ({ name, tensor }));
    const variables = this.variablesOf(list.map(({ name }) => name));
    const given = new Map<Variable, Tensor | null>();
    list.forEach(({ name, tensor }, i) => {
      const variable = variables[i]!;
      if (given.has(variable)) {
        throw new Error(`${owner}: variable '${name}' is named twice in the gradients.`);
      }
      checkVariable(() => `${owner}: variable '${name}'`, variable);
      if (tensor) checkTensor(() => `${owner}: the gradient of '${name}'`, tensor, variable.shape);
      given.set(variable, tensor ?? null);
    });
    checkSomeGradient(owner, [...given.values()]);
    return given;
  }

  /**
   * Projects the variables on the constraint before the first step; says whether that may have
   * moved them. A device that has not finished is not asked: it would have to be waited for.
   */
  private constrainOnce(variables: readonly Variable[]): boolean {
    // A list without variables is refused later, and is no first step.
    if (this.constrained || variables.length === 0) return false;
    if (this.options.constraint) {
      variables.forEach((variable) => {
        checkVariable(() => `${owner}: variable '${variable.name}'`, variable);
      });
    }
    this.constrained = true;
    if (!this.options.constraint) return false;
    this.unprojected = variables.map((variable) => ({ variable, value: keep(clone(variable)) }));
    const { report, deferred } = engineOfBackend()({
      variables,
      gradients: variables.map(() => null),
      velocities: null,
      velocitiesInPlace: false,
      loss: 0,
      settings: this.settings,
    });
    return deferred !== null || report.projected;
  }

  /** Forgets the parameters before the first projection, or brings them back. */
  private endFirstProjection(stepTaken: boolean): void {
    if (this.unprojected.length === 0) return;
    for (const { variable, value } of this.unprojected) {
      if (stepTaken || variable.isDisposed) value.dispose();
      else replaceValue(variable, value);
    }
    this.unprojected = [];
    this.constrained = stepTaken;
  }

  private checkVelocityShapes(velocities: readonly Tensor[], variables: readonly Variable[]): void {
    if (velocities.length !== variables.length) {
      throw new RangeError(
        `${owner}: the saved state has ${velocities.length} velocities, but there are ` +
          `${variables.length} variables; it belongs to another model or another list of variables.`,
      );
    }
    velocities.forEach((velocity, i) => {
      const variable = variables[i]!;
      checkTensor(
        () => `${owner}: saved velocity ${i} (for '${variable.name}')`,
        velocity,
        variable.shape,
      );
    });
  }

  /**
   * Makes slots for variables that are new and returns those; a variable that was disposed of gives
   * up its slot.
   */
  private addSlots(variables: readonly Variable[]): AddedSlots {
    if (this.slots.some(({ variable }) => variable.isDisposed)) {
      for (const { variable, velocity } of this.slots) {
        if (!variable.isDisposed) continue;
        velocity?.dispose();
        this.slotsByName.delete(variable.name);
      }
      this.slots = this.slots.filter(({ variable }) => !variable.isDisposed);
    }
    const pending = this.pendingVelocities;
    if (pending) this.checkVelocityShapes(pending, variables);
    this.pendingVelocities = null;
    const unknown = variables.filter(({ name }) => !this.slotsByName.has(name));
    const slots = unknown.map((variable, i) => {
      const velocity =
        this.settings.momentum === 0 ? null : (pending?.[i] ?? keep(zerosLike(variable)));
      const slot: Slot = { variable, velocity };
      this.slots.push(slot);
      this.slotsByName.set(variable.name, slot);
      // Not made by our step: tfjs may share its buffer (NOTE [parameters are never written in
      // place] in lib/engines/engine.ts holds for it as well).
      this.ownVelocities = false;
      return slot;
    });
    return { slots, restored: pending !== null };
  }

  /** Takes back what {@link addSlots} did for a step that was then refused. */
  private removeSlots({ slots, restored }: AddedSlots): void {
    this.slots.length -= slots.length;
    for (const { variable, velocity } of slots) {
      this.slotsByName.delete(variable.name);
      if (!restored) velocity?.dispose();
    }
    if (restored) this.pendingVelocities = slots.map(({ velocity }) => velocity!);
  }

  private replaceVelocities(velocities: readonly Tensor[]): void {
    this.slots.forEach((slot, i) => {
      slot.velocity?.dispose();
      slot.velocity = keep(velocities[i]!);
    });
    this.ownVelocities = true;
  }
}

serialization.registerClass(AliG);
