import {
  clone,
  dispose,
  keep,
  Optimizer,
  scalar,
  Tensor,
  tensor1d,
  tidy,
  type Scalar,
  type serialization,
  type Variable,
} from '@tensorflow/tfjs-core';
import {
  projectionOf,
  savedConstraint,
  type Constraint,
  type Projection,
} from '../constraints/constraint.js';
import { engineOfBackend } from '../engines/choose.js';
import {
  hostScalars,
  replaceValue,
  suspectsOf,
  type StepScalars,
  type TensorStep,
} from '../engines/engine.js';
import { backendAnswersLater } from '../engines/portable.js';
import type { Group, Numbers, Rule } from '../rules/rule.js';
import { checkLoss, checkVariable, lossForBackend } from '../step/checks.js';
import { whereNotFinite } from '../step/non-finite.js';
import {
  checkOutcome,
  NonFiniteError,
  wasWritten,
  type DeferredOutcome,
  type StepReport,
} from '../step/report.js';
import { MOST_SCALARS } from '../step/rule-step.js';
import { checkOptionNames } from '../step/settings.js';
import { projectVariables } from './constraint-pass.js';
import {
  gradientsByVariable,
  variablesOf,
  type GradientList,
  type GradientMap,
} from './gradients.js';
import type { Complete, Defaults } from './options.js';
import {
  ParameterGroups,
  settingsOfGroups,
  type ParameterGroup,
  type SavedGroups,
} from './parameter-groups.js';
import { OptimizerState, type AddedSlots, type NamedTensor } from './state.js';

/** An optimiser's options as the engines take them. */
export interface RuleConfiguration {
  readonly rule: Rule;
  readonly settings: Numbers;
  /** Those of parameters that no group names. */
  readonly groupSettings: Numbers;
  /** Where the rule's arrays of state start, by their names. Default: at 0. */
  readonly initialState?: Numbers;
  /** Settings that change with the number t of the step, from 1; they take the place of `settings`. */
  readonly settingsOfStep?: (stepNumber: number) => Numbers;
}

/** Options that every optimiser has. */
export interface CommonOptions {
  /**
   * The feasible set: `l2Ball(radius)`, which is part of the fused step; `box(lower, upper)`,
   * `nonNegative`, `simplex` or a function of the variables, which are a pass of its own after it;
   * `none` or null for none. Default: null.
   *
   * It applies before the first step, as soon as the variables are known, and after each step. A
   * function cannot be saved: a loaded optimiser asks for it before its first step.
   */
  constraint?: Constraint | null;
  /**
   * Variables with settings of their own: learning rate, maximal learning rate or weight decay, as
   * far as the optimiser has them. All norms and other sums are over all variables together. What
   * no group names has the optimiser's own settings. Default: null.
   */
  groups?: readonly ParameterGroup[] | SavedGroups | null;
}

export const commonDefaults: Defaults<CommonOptions> & Complete<CommonOptions> = {
  constraint: null,
  groups: null,
};

/** Whether a step ended with this error before it wrote anything. */
function wasRefused(error: unknown): boolean {
  return error instanceof NonFiniteError && !wasWritten(error.report);
}

/** Disposes of scalars that are not kept, where they are a tensor. */
function discard(scalars: StepScalars): void {
  if (scalars instanceof Tensor) scalars.dispose();
}

/** Names of the weights that precede the arrays of state. */
const scalarsName = 'scalars';
const stepsName = 'steps';

/** Doubles as the int32 pairs of their bits: tfjs has no float64 tensors. */
function wordsOf(doubles: Float64Array): Int32Array {
  return new Int32Array(doubles.slice().buffer);
}

/**
 * A `tf.Optimizer` that makes its steps by a rule on the engine of the current backend: what all
 * optimisers of this package are. A subclass checks its options and turns them into a
 * {@link RuleConfiguration}.
 */
export abstract class RuleOptimizer<Options extends Complete<CommonOptions>> extends Optimizer {
  private readonly state: OptimizerState;
  /** The rule's own, on the host or on a device that is not waited for. */
  private scalars: StepScalars = new Float64Array(MOST_SCALARS);
  private constrained = false;
  /** The variables before the projection that precedes the first step, until that is taken. */
  private unprojected: { variable: Variable; value: Tensor }[] = [];
  private disposed = false;
  private report: StepReport | null = null;
  /** How the last step ended where the device answers later (webgl, webgpu), until that was told. */
  private deferred: DeferredOutcome | null = null;

  /** As the engines take the options. */
  private configuration: RuleConfiguration;
  /**
   * Gives the loss of a step at the variables as they are then, where it is not the one that is
   * handed over. A tensor that it makes is disposed of after the step.
   */
  protected computeLoss: (() => number | Tensor) | null = null;
  private projection: Projection;
  private readonly parameterGroups: ParameterGroups;
  /** The settings of each group. */
  private settingsOfGroups: readonly Numbers[];

  /**
   * @param owner Is named in errors.
   * @param options As they were given, with the defaults; for getConfig.
   * @param configurationOf Checks them; throws a RangeError for a value out of range.
   */
  protected constructor(
    private readonly owner: string,
    protected options: Options,
    private readonly configurationOf: (options: Options) => RuleConfiguration,
  ) {
    super();
    this.configuration = configurationOf(options);
    this.projection = projectionOf(owner, options.constraint);
    const { rule, initialState } = this.configuration;
    // A rule may have settings that its optimiser does not offer.
    const names = rule.groupSettings.filter((name) => Object.hasOwn(options, name));
    this.parameterGroups = new ParameterGroups(owner, options.groups, names);
    this.settingsOfGroups = settingsOfGroups(
      owner,
      this.parameterGroups,
      options,
      rule,
      configurationOf,
    );
    this.state = new OptimizerState(owner, rule.state, initialState);
    this.iterations_ = 0;
  }

  /** Changes options between steps; of none where one is out of range. The rule may not change. */
  protected change(changed: Partial<Options>): void {
    const { owner, configurationOf, parameterGroups } = this;
    const options = { ...this.options, ...changed };
    const configuration = configurationOf(options);
    this.settingsOfGroups = settingsOfGroups(
      owner,
      parameterGroups,
      options,
      configuration.rule,
      configurationOf,
    );
    this.configuration = configuration;
    this.options = options;
  }

  /**
   * The feasible set, null for none. May be set between steps, and has to be where a loaded
   * optimiser's constraint was a function. Another set applies before the next step.
   */
  get constraint(): Constraint | null {
    return this.options.constraint;
  }

  set constraint(constraint: Constraint | null) {
    const projection = projectionOf(this.owner, constraint);
    // The function that was missing has made all steps so far.
    if (!this.projection.functionMissing) this.constrained = false;
    this.projection = projection;
    this.options = { ...this.options, constraint };
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
    this.assertFunctionsGiven();
    try {
      if (varList) this.constrainOnce(varList);
      let computed = this.computeGradients(f, varList);
      try {
        if (!varList && this.constrainOnce(variablesOf(this.owner, Object.keys(computed.grads)))) {
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
      this.undoFirstProjection();
      throw error;
    }
  }

  /**
   * Makes one step with gradients that were computed elsewhere; they stay the caller's.
   *
   * @param gradients By variable name, or a list of {name, tensor}; a null tensor: the variable has
   * no gradient in this step, keeps value and state, and takes part in the constraint.
   * @param step.loss The loss that the gradients belong to, a number or a scalar tensor. Optimisers
   * that do not use it can do without; it is then NaN in the report.
   * @throws TypeError, RangeError or Error for bad arguments and NonFiniteError where the loss, a
   * gradient or the step size is not finite: nothing was changed then, and the step does not count.
   */
  override applyGradients(
    gradients: GradientMap | GradientList,
    step?: { loss?: number | Tensor },
  ): void {
    this.assertUsable();
    this.assertFunctionsGiven();
    const { owner } = this;
    const loss: unknown = step?.loss;
    if (loss === undefined && this.configuration.rule.usesLoss && !this.computeLoss) {
      throw new TypeError(
        `${owner}: applyGradients needs the loss that the gradients belong to: ` +
          'applyGradients(gradients, {loss}). minimize() and model.fit() hand it over by themselves.',
      );
    }
    if (step) checkOptionNames(`${owner}: applyGradients`, step, ['loss']);
    const given = loss === undefined ? NaN : loss;
    checkLoss(owner, given);
    const byVariable = gradientsByVariable(owner, gradients);
    this.raiseDeferredError();
    try {
      this.step(byVariable, given);
    } catch (error) {
      this.undoFirstProjection();
      throw error;
    }
  }

  /** The options, as JSON can hold them; {@link fromConfig} takes them back. */
  override getConfig(): serialization.ConfigDict {
    return {
      ...this.options,
      constraint: savedConstraint(this.constraint),
      groups: this.parameterGroups.saved(this.state.variables) as serialization.ConfigDict | null,
    };
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
   * The number of steps taken; where the rule has them its scalars (the bits of doubles, as int32)
   * and the number of steps that each variable has taken; then the arrays of state, those of one
   * variable after the other, in the order in which the variables were given. They are real copies:
   * later steps do not change them, and they are the caller's to dispose of. The copies lie in host
   * memory, which is freed with the tensors: tfjs's model.save() asks for them and never disposes of
   * them.
   */
  override async getWeights(): Promise<NamedTensor[]> {
    this.assertUsable();
    const { rule } = this.configuration;
    const { tensors, steps } = await this.state.copies();
    const weights: NamedTensor[] = [{ name: 'iter', tensor: scalar(this.iterations, 'int32') }];
    if (rule.scalars.length > 0) {
      const scalars = hostScalars(this.scalars).subarray(0, rule.scalars.length);
      weights.push({ name: scalarsName, tensor: tensor1d(wordsOf(scalars), 'int32') });
    }
    if (rule.usesStepNumber) {
      weights.push({ name: stepsName, tensor: tensor1d(steps, 'int32') });
    }
    return [...weights, ...tensors];
  }

  /**
   * Takes over what {@link getWeights} gave; the tensors stay the caller's. State is matched to
   * variables when steps name them: by name where all names were saved, so that layers that were
   * frozen for a while find theirs, else by order, because names change from session to session.
   * Shapes are checked. Where steps have named the variables already, the match is by order.
   *
   * @throws RangeError where number or shapes do not fit: nothing was changed then.
   */
  override async setWeights(weights: NamedTensor[]): Promise<void> {
    this.assertUsable();
    const { owner } = this;
    const { rule } = this.configuration;
    const rest = Array.isArray(weights) ? [...weights] : [];
    const iterations = rest.shift();
    const scalars = rule.scalars.length > 0 ? rest.shift() : undefined;
    const steps = rule.usesStepNumber ? rest.shift() : undefined;
    if (
      iterations?.tensor.size !== 1 ||
      (scalars?.tensor.size ?? 0) !== 2 * rule.scalars.length ||
      (rule.usesStepNumber && !steps)
    ) {
      throw new RangeError(
        `${owner}: setWeights takes what getWeights gave: the number of steps, then ` +
          (rule.scalars.length > 0 ? `the ${rule.scalars.join(', ')}, then ` : '') +
          (rule.usesStepNumber ? 'the number of steps of each variable, then ' : '') +
          (rule.state.length > 0 ? `the ${rule.state.join(', ')} of each variable.` : 'nothing.'),
      );
    }
    const [count] = await iterations.tensor.data();
    const scalarWords = await scalars?.tensor.data<'int32'>();
    const stepNumbers = await steps?.tensor.data();
    const saved = this.state.checked(rest, stepNumbers ? [...stepNumbers] : null, count!);
    // A step whose outcome is open would be counted on top of it.
    this.deferred?.error();
    this.state.restore(saved);
    const restored = new Float64Array(MOST_SCALARS);
    if (scalarWords) restored.set(new Float64Array(Int32Array.from(scalarWords).buffer));
    this.replaceScalars(restored);
    this.iterations_ = count!;
    this.constrained = count! > 0;
  }

  /** Frees the state. The optimiser can't be used afterwards; repeating it does nothing. */
  override dispose(): void {
    this.disposed = true;
    this.endFirstProjection(true);
    this.state.dispose();
    this.replaceScalars(new Float64Array(MOST_SCALARS));
  }

  private step(given: ReadonlyMap<Variable, Tensor | null>, givenLoss: number | Tensor): void {
    const { owner, configuration } = this;
    const { maxNorm, pass } = this.projection;
    this.constrainOnce([...given.keys()]);
    const stepNumber = super.iterations + 1;
    const added = this.state.add([...given.keys()]);
    const { variables } = this.state;
    // What a device that answers later may turn out to have left alone.
    let beforeStep: Tensor[] | null = null;
    let loss = givenLoss;
    let taken = false;
    try {
      // State may lie on another backend: where variables move, tfjs leaves it behind.
      for (const variable of variables) {
        if (!given.has(variable)) {
          checkVariable(() => `${owner}: variable '${variable.name}'`, variable);
        }
      }
      if (this.computeLoss) loss = this.computedLoss(this.computeLoss);
      const gradients = variables.map((variable) => given.get(variable) ?? null);
      const input: TensorStep = {
        rule: configuration.rule,
        settings: configuration.settingsOfStep?.(stepNumber) ?? configuration.settings,
        maxNorm,
        ...this.groups(variables, gradients),
        variables,
        gradients,
        state: this.state.tensors,
        stateInPlace: this.state.writable,
        loss: lossForBackend(loss),
        stepNumber,
        scalars: this.scalars,
      };
      if (pass && backendAnswersLater()) {
        beforeStep = variables.map((variable) => keep(clone(variable)));
      }
      const { report, deferred, newState, newScalars } = engineOfBackend()(input);
      this.report = report;
      this.deferred = deferred;
      if (newState) this.state.replace(newState);
      taken = deferred !== null || wasWritten(report);
      if (taken) this.replaceScalars(newScalars);
      else discard(newScalars);
      const count = () => {
        this.incrementIterations();
        this.state.countStep((variable) => Boolean(given.get(variable)));
      };
      if (deferred) {
        deferred.whenKnown((error) => {
          this.endDeferredStep(error, added, count);
        });
        if (pass) projectVariables(pass, variables, beforeStep, false);
        return;
      }
      if (taken) {
        count();
        this.endFirstProjection(true);
      }
      checkOutcome(report, () => whereNotFinite(report, suspectsOf(input)));
      if (pass) {
        this.report = { ...report, projected: projectVariables(pass, variables, null, true) };
      }
    } finally {
      if (beforeStep) dispose(beforeStep);
      if (!taken) this.state.remove(added);
      if (loss !== givenLoss) dispose(loss);
    }
  }

  private computedLoss(computeLoss: () => number | Tensor): number | Tensor {
    const loss = tidy(computeLoss);
    try {
      checkLoss(this.owner, loss);
      return loss;
    } catch (error) {
      dispose(loss);
      throw error;
    }
  }

  /**
   * The rows of a step: variables of the same group that have taken as many steps. Only those that
   * have a gradient make one: a row is part of the mean step size that is reported.
   */
  private groups(
    variables: readonly Variable[],
    gradients: readonly (Tensor | null)[],
  ): Pick<TensorStep, 'groups' | 'groupOf'> {
    const { rule, groupSettings } = this.configuration;
    const groupNumbers = this.parameterGroups.assign(variables);
    const rows: Group[] = [];
    const rowNumbers = new Map<number, number>();
    const groupOf = new Int32Array(variables.length);
    this.state.steps.forEach((steps, i) => {
      if (!gradients[i]) return;
      const stepNumber = rule.usesStepNumber ? steps + 1 : 1;
      const group = groupNumbers[i]!;
      // A number for the two: text would be made anew for each variable of each step.
      const key = (group + 1) * 2 ** 32 + stepNumber;
      let row = rowNumbers.get(key);
      if (row === undefined) {
        const settings = group === -1 ? groupSettings : this.settingsOfGroups[group]!;
        row = rows.push({ settings, stepNumber }) - 1;
        rowNumbers.set(key, row);
      }
      groupOf[i] = row;
    });
    return { groups: rows, groupOf: rows.length === 1 ? null : groupOf };
  }

  /** Takes over the scalars of a step; on a device they outlive the caller's tf.tidy. */
  private replaceScalars(scalars: StepScalars): void {
    discard(this.scalars);
    this.scalars = scalars instanceof Tensor ? keep(scalars) : scalars;
  }

  /** Does at last what a step that was not deferred has done before it returned. */
  private endDeferredStep(
    error: NonFiniteError | null,
    added: AddedSlots,
    count: () => void,
  ): void {
    if (this.disposed) return;
    const refused = wasRefused(error);
    if (refused) this.state.remove(added);
    else count();
    this.endFirstProjection(!refused);
  }

  private assertUsable(): void {
    if (this.disposed)
      throw new Error(`${this.owner}: this optimiser is disposed; make a new one.`);
  }

  private assertFunctionsGiven(): void {
    if (!this.projection.functionMissing) return;
    throw new Error(
      `${this.owner}: the constraint of this optimiser was a function, which is not saved; set it ` +
        'before the first step: optimizer.constraint = (variables) => { ... }.',
    );
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
    // Its variables may still have to be brought back.
    this.raiseDeferredError();
    const { configuration } = this;
    const { maxNorm, pass } = this.projection;
    const hasConstraint = maxNorm !== Infinity || pass !== null;
    if (hasConstraint) {
      variables.forEach((variable) => {
        checkVariable(() => `${this.owner}: variable '${variable.name}'`, variable);
      });
    }
    this.constrained = true;
    if (!hasConstraint) return false;
    this.unprojected = variables.map((variable) => ({ variable, value: keep(clone(variable)) }));
    if (pass) return projectVariables(pass, variables, null, !backendAnswersLater());
    const { report, deferred, newScalars } = engineOfBackend()({
      rule: configuration.rule,
      settings: configuration.settings,
      maxNorm,
      groups: [{ settings: configuration.groupSettings, stepNumber: 1 }],
      groupOf: null,
      variables,
      gradients: variables.map(() => null),
      state: [],
      stateInPlace: false,
      loss: 0,
      stepNumber: 1,
      scalars: this.scalars,
    });
    discard(newScalars);
    return deferred !== null || report.projected;
  }

  /** After an error: brings back the parameters unless a step has been made with them. */
  private undoFirstProjection(): void {
    if (!this.deferred) this.endFirstProjection(false);
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
