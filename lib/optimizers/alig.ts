import {
  clone,
  dispose,
  keep,
  Optimizer,
  scalar,
  serialization,
  type Scalar,
  type Tensor,
  type Variable,
} from '@tensorflow/tfjs-core';
import { l2Ball, type L2Ball } from '../constraints/l2-ball.js';
import { engineOfBackend } from '../engines/choose.js';
import { replaceValue, suspectsOf, type TensorStep } from '../engines/engine.js';
import { checkLoss, checkVariable, lossForBackend } from '../step/checks.js';
import { whereNotFinite } from '../step/non-finite.js';
import {
  checkOutcome,
  NonFiniteError,
  wasWritten,
  type DeferredOutcome,
  type StepReport,
} from '../step/report.js';
import { checkedSettings, checkOptionNames, shown, type StepSettings } from '../step/settings.js';
import {
  gradientsByVariable,
  variablesOf,
  type GradientList,
  type GradientMap,
} from './gradients.js';
import { Velocities, type AddedSlots, type NamedTensor } from './velocities.js';

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

/** Whether a step ended with this error before it wrote anything. */
function wasRefused(error: unknown): boolean {
  return error instanceof NonFiniteError && !wasWritten(error.report);
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
  private readonly velocities: Velocities;
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
    this.velocities = new Velocities(owner, this.settings.momentum !== 0);
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
        if (!varList && this.constrainOnce(variablesOf(owner, Object.keys(computed.grads)))) {
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
    checkOptionNames(`${owner}: applyGradients`, step, ['loss']);
    checkLoss(owner, loss);
    const given = gradientsByVariable(owner, gradients);
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
    const velocities = await this.velocities.copies();
    return [{ name: 'iter', tensor: scalar(this.iterations, 'int32') }, ...velocities];
  }

  /**
   * Takes over what {@link getWeights} gave; the tensors stay the caller's. Velocities are matched
   * to variables when steps name them: by name where all names were saved, so that layers that were
   * frozen for a while find theirs, else by order, because names change from session to session.
   * Shapes are checked. Where steps have named the variables already, the match is by order.
   *
   * @throws RangeError where number or shapes do not fit: nothing was changed then.
   */
  override async setWeights(weights: NamedTensor[]): Promise<void> {
    this.assertUsable();
    const [iterations, ...velocities] = Array.isArray(weights) ? weights : [];
    if (iterations?.tensor.size !== 1) {
      throw new RangeError(
        `${owner}: setWeights takes what getWeights gave: the number of steps, then one velocity a ` +
          'variable.',
      );
    }
    this.velocities.checkRestorable(velocities);
    const count = (await iterations.tensor.data())[0]!;
    // A step whose outcome is open would be counted on top of it.
    this.deferred?.error();
    this.velocities.restore(velocities);
    this.iterations_ = count;
    this.constrained = count > 0;
  }

  /** Frees the velocities. The optimiser can't be used afterwards; repeating it does nothing. */
  override dispose(): void {
    this.disposed = true;
    this.endFirstProjection(true);
    this.velocities.dispose();
  }

  private step(given: ReadonlyMap<Variable, Tensor | null>, loss: number | Tensor): void {
    const variables = [...given.keys()];
    this.constrainOnce(variables);
    const added = this.velocities.add(variables);
    const input: TensorStep = {
      variables: this.velocities.variables,
      gradients: this.velocities.variables.map((variable) => given.get(variable) ?? null),
      velocities: this.velocities.tensors,
      velocitiesInPlace: this.velocities.writable,
      loss: lossForBackend(loss),
      settings: this.settings,
    };
    let taken = false;
    try {
      // A velocity may lie on another backend: where variables move, tfjs leaves it behind.
      for (const variable of input.variables) {
        if (!given.has(variable)) {
          checkVariable(() => `${owner}: variable '${variable.name}'`, variable);
        }
      }
      const { report, deferred, newVelocities } = engineOfBackend()(input);
      this.report = report;
      this.deferred = deferred;
      if (newVelocities) this.velocities.replace(newVelocities);
      taken = deferred !== null || wasWritten(report);
      if (!deferred) {
        if (taken) this.incrementIterations();
        checkOutcome(report, () => whereNotFinite(report, suspectsOf(input)));
      }
      deferred?.whenKnown((error) => {
        this.endDeferredStep(error, added);
      });
    } finally {
      if (!taken) this.velocities.remove(added);
    }
  }

  /** Does at last what a step that was not deferred has done before it returned. */
  private endDeferredStep(error: NonFiniteError | null, added: AddedSlots): void {
    if (this.disposed) return;
    const refused = wasRefused(error);
    if (refused) this.velocities.remove(added);
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
}

serialization.registerClass(AliG);
