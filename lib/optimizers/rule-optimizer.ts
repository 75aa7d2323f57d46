import {
  clone,
  dispose,
  keep,
  Optimizer,
  Tensor,
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
import { engineByGroup } from '../engines/by-group.js';
import { engineOfBackend } from '../engines/choose.js';
import {
  backendAnswersLater,
  hostScalars,
  replaceValue,
  suspectsOf,
  type StepScalars,
  type TensorStep,
} from '../engines/engine.js';
import type { Group, Numbers, Rule } from '../rules/rule.js';
import { checkLoss, checkVariable, copiedList, isGone, lossForBackend } from '../step/checks.js';
import { hostTensor } from '../step/host-tensor.js';
import { whereNotFinite } from '../step/non-finite.js';
import {
  checkOutcome,
  wasWritten,
  type DeferredOutcome,
  type NonFiniteError,
  type StepReport,
} from '../step/report.js';
import { MOST_SCALARS, smallestLossOf } from '../step/rule-step.js';
import { checkOption, completeValues, float32Value, float32Values } from '../options/option.js';
import { isFunctionMarker, functionMarker } from '../constraints/function-marker.js';
import { checkOptionNames, shown } from '../step/settings.js';
import { warnOfBound } from './below-lower-bound.js';
import { projectVariables } from './constraint-pass.js';
import {
  gradientsByVariable,
  takesPart,
  type GradientList,
  type GradientMap,
} from './gradients.js';
import { guardNames } from './guarded-names.js';
import { MovingStatistics } from './moving-statistics.js';
import { isByGroup, normScopeDefaults, type NormScopeOptions } from './norm-scope.js';
import type { Description } from './description.js';
import { ParameterGroups, type ParameterGroup } from './parameter-groups.js';
import type { SavedGroups } from './saved-groups.js';
import {
  refusedStepDefaults,
  RefusedSteps,
  savedRefusedSteps,
  wasRefused,
  type RefusedStepOptions,
} from './refused-steps.js';
import { fromTfjs } from './tfjs-state.js';
import { OptimizerState, type AddedSlots, type NamedTensor, type StateOfStep } from './state.js';

/** An optimiser's options as the engines take them. */
export interface RuleConfiguration {
  readonly rule: Rule;
  /** Of all parameters together and, by other names, of those that no group names. */
  readonly settings: Numbers;
  /** Of each group. */
  readonly groupSettings: readonly Numbers[];
  /** Where the rule's arrays of state start, by their names. */
  readonly initialState: Numbers | undefined;
  /** Settings that change with the number t of the step, from 1. */
  readonly settingsOfStep: ((stepNumber: number) => Numbers) | undefined;
}

/** All options of an optimiser: its own and those that every one has. */
type AllOptions = Required<CommonOptions> & Readonly<Record<string, unknown>>;

/** Options that every optimiser has; a group may have settings of its own as `OwnGroup` says. */
export interface CommonOptions<OwnGroup = ParameterGroup>
  extends RefusedStepOptions, NormScopeOptions {
  /**
   * The feasible set: `l2Ball(radius)`, which is part of the fused step; `box(lower, upper)`,
   * `nonNegative`, `simplex` or a function of the variables, which are a pass of its own after it;
   * `none` or null for none. Default: null.
   *
   * It covers the variables that a step names, with or without a gradient, but none that is not
   * trainable. It applies after each step, and before the first one to the variables that it is
   * given: `minimize` without a list of variables knows them only after it has called its function,
   * and takes the first step from where they are. A function cannot be saved: a loaded optimiser asks for it before its first step.
   */
  constraint?: Constraint | null;
  /**
   * Variables with settings of their own: what acts on one element, such as learning rate, momentum
   * and weight decay, as far as the optimiser has it. All norms and other sums are over all variables
   * together, unless `normScope` is 'group'. What no group names has the optimiser's own settings.
   * Default: null.
   */
  groups?: readonly OwnGroup[] | SavedGroups | null;
}

const commonDefaults: Required<CommonOptions> = {
  constraint: null,
  groups: null,
  ...refusedStepDefaults,
  ...normScopeDefaults,
};

/** The options of a new optimiser, checked and with the defaults. */
function allOptions({ className: owner, options }: Description, given: unknown): AllOptions {
  const common = Object.entries(commonDefaults);
  checkOptionNames(owner, given, [...Object.keys(options), ...Object.keys(commonDefaults)]);
  return {
    ...completeValues(owner, given, options, restoring),
    ...(Object.fromEntries(
      common.map(([name, standard]) => [name, given[name] === undefined ? standard : given[name]]),
    ) as Required<CommonOptions>),
  };
}

/** Disposes of scalars that are not kept, where they are a tensor. */
function discard(scalars: StepScalars): void {
  if (scalars instanceof Tensor) scalars.dispose();
}

/** Whether fromConfig is making an optimiser: its options may be what they became between steps. */
let restoring = false;

/** Names of the weights that precede the arrays of state. */
const scalarsName = 'scalars';
const stepsName = 'steps';

/** The largest number of steps that the engines can count, an int32, with one more to come. */
const mostSteps = 2 ** 31 - 2;

/** Throws a TypeError unless this is a list of {name, tensor}. */
function checkedWeights(owner: string, weights: unknown): readonly NamedTensor[] {
  if (!Array.isArray(weights)) {
    throw new TypeError(
      `${owner}: setWeights takes a list of {name, tensor}, what getWeights gave, not ` +
        `${shown(weights)}.`,
    );
  }
  return copiedList(weights).map((each, i) => {
    const { name, tensor } = (each ?? {}) as { name?: unknown; tensor?: Tensor };
    if (typeof name !== 'string' || !(tensor instanceof Tensor)) {
      throw new TypeError(
        `${owner}: setWeights takes what getWeights gave, and weight ${i} is no {name, tensor} but ` +
          `${typeof name === 'string' ? `has the tensor ${shown(tensor)}` : shown(each)}.`,
      );
    }
    if (isGone(tensor))
      throw new Error(`${owner}: weight ${name} is disposed; keep it until then.`);
    return { name, tensor };
  });
}

/** Throws a RangeError unless this can be a number of steps taken. */
function checkedStepCount(owner: string, name: string, count: unknown): number {
  if (Number.isInteger(count) && (count as number) >= 0 && (count as number) <= mostSteps) {
    return count as number;
  }
  throw new RangeError(
    `${owner}: setWeights: ${name} must hold numbers of steps, whole numbers from 0 to ${mostSteps}, ` +
      `not ${shown(count)}; the saved weights are damaged, take an earlier save.`,
  );
}

/** The scalars of a rule out of the int32 pairs that were saved. */
function checkedScalars(
  owner: string,
  rule: Rule,
  dtype: string,
  words: ArrayLike<number>,
): Float64Array {
  const scalars = new Float64Array(Int32Array.from(words).buffer);
  const bad = rule.scalars.findIndex((_, i) => !Number.isFinite(scalars[i]));
  if (dtype === 'int32' && bad === -1) return scalars;
  throw new RangeError(
    `${owner}: setWeights: ${scalarsName} must hold finite doubles (${rule.scalars.join(', ')}) as pairs ` +
      `of int32, not ${dtype === 'int32' ? `${scalars[bad]!} as ${rule.scalars[bad]!}` : dtype}; the ` +
      'saved weights are damaged, take an earlier save.',
  );
}

/** Doubles as the int32 pairs of their bits: tfjs has no float64 tensors. */
function wordsOf(doubles: Float64Array): Int32Array {
  return new Int32Array(doubles.slice().buffer);
}

/**
 * A `tf.Optimizer` that makes its steps by a rule on the engine of the current backend: what all
 * optimisers of this package are. {@link optimizerOf} makes one of a description.
 */
export abstract class RuleOptimizer extends Optimizer {
  private readonly state: OptimizerState;
  /** The rule's own, on the host or on a device that is not waited for. */
  private scalars: StepScalars = new Float64Array(MOST_SCALARS);
  private constrained = false;
  /** The variables before the projection that precedes the first step, until that is taken. */
  private unprojected: { variable: Variable; value: Tensor }[] = [];
  private disposed = false;
  /** What is being done, and may be calling a function of the user's. */
  private minimizing = false;
  private stepping = false;
  private report: StepReport | null = null;
  /** How the last step ended where the device answers later (webgl, webgpu), until that was told. */
  private deferred: DeferredOutcome | null = null;
  /** What the loss of the step that is being made may have changed; null: nothing is known of it. */
  private statistics: MovingStatistics | null = null;
  private readonly refusedSteps: RefusedSteps;
  private warnedOfBound = false;

  /** Is named in errors. */
  protected readonly owner: string;
  /** As they were given, with the defaults. */
  protected options: AllOptions;
  /** As the engines take the options. */
  private configuration: RuleConfiguration;
  private projection: Projection;
  private readonly parameterGroups: ParameterGroups;
  /** Whether each group has a norm and a step size of its own. */
  private readonly byGroup: boolean;

  /**
   * @throws TypeError for an unknown or missing option, RangeError for a value out of range.
   */
  protected constructor(
    private readonly description: Description,
    given: unknown,
  ) {
    super();
    const owner = (this.owner = description.className);
    const options = allOptions(description, given);
    this.options = options;
    this.projection = projectionOf(owner, options.constraint);
    this.refusedSteps = new RefusedSteps(owner, options);
    this.parameterGroups = new ParameterGroups(
      owner,
      options.groups,
      description.options,
      options.normScope === 'group',
    );
    this.configuration = this.configurationOf(options);
    const { rule, initialState } = this.configuration;
    this.byGroup = isByGroup(owner, options, rule);
    this.state = new OptimizerState(owner, rule.state, initialState);
    this.iterations_ = 0;
    guardNames(owner, this, () => this.options);
  }

  private configurationOf(options: AllOptions): RuleConfiguration {
    const { description } = this;
    const own = float32Values(description.options, options);
    const overrides = this.parameterGroups.overrides;
    const largest = Object.fromEntries(
      Object.entries<number>(own).map(([name, value]) => {
        const ofGroups = overrides.map((settings) =>
          settings[name] === undefined ? value : float32Value(settings[name]),
        );
        return [name, Math.max(value, ...ofGroups)];
      }),
    );
    const configured = (values: AllOptions) => {
      const numbers = float32Values(description.options, values);
      const chosen = description.configure(values, numbers, largest);
      return { ...chosen, settings: { ...numbers, ...chosen.settings } };
    };
    const { rule, settings, initialState, settingsOfStep } = configured(options);
    return {
      rule,
      settings,
      groupSettings: overrides.map((each) => configured({ ...options, ...each }).settings),
      initialState,
      settingsOfStep,
    };
  }

  /** An option's value; null for a function that was not saved. */
  protected option(name: string): unknown {
    const value = this.options[name];
    return isFunctionMarker(value) ? null : value;
  }

  /** Changes options between steps; of none where one is out of range. The rule may not change. */
  protected change(changed: Readonly<Record<string, unknown>>): void {
    for (const [name, value] of Object.entries(changed)) {
      checkOption(this.owner, name, this.description.options[name]!, value);
    }
    const options = { ...this.options, ...changed };
    this.configuration = this.configurationOf(options);
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

  /** The number of steps that were skipped (`onNonFinite: 'skip'`). Waits for the device to know. */
  get skippedSteps(): number {
    this.deferred?.error();
    return this.refusedSteps.skipped;
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
   * Computes f and its gradients and makes one step. f is called once.
   *
   * @param f Computes the loss, a scalar, from the variables. Where the step is refused, what f has
   * assigned to variables that are not trainable (moving statistics) is taken back.
   * @param returnCost Whether to return the loss; else null is returned. Default: false.
   * @param varList The variables to change. Default: all trainable ones.
   * @throws As {@link applyGradients}, and what tfjs throws where f does not give a scalar.
   */
  override minimize(f: () => Scalar, returnCost = false, varList?: Variable[]): Scalar | null {
    this.assertUsable();
    this.assertNotCalledBack('minimize', this.minimizing || this.stepping);
    this.assertFunctionsGiven();
    const wasConstrained = this.constrained;
    this.minimizing = true;
    try {
      // Without a list the variables become known with their gradients, and those belong to where
      // the variables are: to call f again after a projection would take its batch twice.
      if (varList) this.constrainOnce([...new Set(varList)].filter(takesPart));
      else this.constrained = true;
      this.statistics = new MovingStatistics();
      const { value, grads } = this.computeGradients(f, varList);
      try {
        this.applyGradients(
          varList ? varList.map(({ name }) => ({ name, tensor: grads[name] })) : grads,
          { loss: value },
        );
      } catch (error) {
        value.dispose();
        throw error;
      } finally {
        dispose(grads);
      }
      if (returnCost) return value;
      value.dispose();
      return null;
    } catch (error) {
      this.undoFirstProjection();
      if (!varList && super.iterations === 0) this.constrained = wasConstrained;
      throw error;
    } finally {
      this.statistics?.dispose();
      this.statistics = null;
      this.minimizing = false;
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
   * gradient or the step size is not finite (unless that is skipped): the parameters and the state
   * stay as they were then, and the step does not count.
   */
  override applyGradients(
    gradients: GradientMap | GradientList,
    step?: { loss?: number | Tensor },
  ): void {
    this.assertUsable();
    this.assertNotCalledBack('applyGradients', this.stepping);
    this.assertFunctionsGiven();
    const { owner } = this;
    const loss: unknown = step?.loss;
    if (loss === undefined && this.configuration.rule.usesLoss && !this.description.loss) {
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
    this.stepping = true;
    try {
      this.step(byVariable, given);
    } catch (error) {
      this.undoFirstProjection();
      if (!this.refusedSteps.skip(error)) throw error;
    } finally {
      this.stepping = false;
    }
  }

  /** The options, as JSON can hold them; {@link fromConfig} takes them back. */
  override getConfig(): serialization.ConfigDict {
    const { onNonFinite, maxSkippedSteps, normScope, ...options } = this.options;
    return {
      ...Object.fromEntries(
        Object.entries(options).map(([name, value]) => [
          name,
          typeof value === 'function' ? { ...functionMarker } : value,
        ]),
      ),
      // A saved optimiser that leaves it alone does not name it.
      ...(normScope === normScopeDefaults.normScope ? {} : { normScope }),
      ...savedRefusedSteps({ onNonFinite, maxSkippedSteps }),
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
    restoring = true;
    try {
      return new cls(options);
    } finally {
      restoring = false;
    }
  }

  /**
   * The number of steps taken; where the rule has them its scalars (the bits of doubles, as int32)
   * and the number of steps that each variable has taken; then the arrays of state, those of one
   * variable after the other, in the order in which the variables were given. They are copies of the
   * moment of the call, whatever is done before the promise is fulfilled, and lie in host memory,
   * which the garbage collector frees: tfjs's model.save() asks for them and never disposes of them.
   * An op on one makes it a tensor of the backend, which is the caller's to dispose of.
   */
  override async getWeights(): Promise<NamedTensor[]> {
    this.assertUsable();
    const { rule } = this.configuration;
    // All of it before anything is waited for: the next step may be made meanwhile.
    const { iterations } = this;
    const scalars = hostScalars(this.scalars).slice(0, rule.scalars.length);
    const { tensors, steps } = await this.state.copies();
    const weights = [{ name: 'iter', tensor: hostTensor(Int32Array.of(iterations), []) }];
    const add = (name: string, values: Int32Array) => {
      weights.push({ name, tensor: hostTensor(values, [values.length]) });
    };
    if (rule.scalars.length > 0) add(scalarsName, wordsOf(scalars));
    if (rule.usesStepNumber) add(stepsName, Int32Array.from(steps));
    return [...weights, ...tensors];
  }

  /**
   * Takes over what {@link getWeights} gave; the tensors stay the caller's. State is matched to
   * variables when steps name them: by name where all names were saved, so that layers that were
   * frozen for a while find theirs, else by order, because names change from session to session.
   * Shapes are checked. What tf.train.adam, momentum and adagrad give is taken over as well, by Adam, Sgd
   * with momentum and AdaGrad, so that a training goes on here. Where steps have named the variables already, the match is by order.
   *
   * @throws TypeError or RangeError where names, numbers or shapes do not fit, and Error where the
   * optimiser is disposed of before all is read: nothing was changed then.
   */
  override async setWeights(weights: NamedTensor[]): Promise<void> {
    this.assertUsable();
    const { owner } = this;
    const { rule } = this.configuration;
    const given = checkedWeights(owner, weights);
    const taken = given[0] ? (await given[0].tensor.data())[0] : undefined;
    const rest = [...fromTfjs(rule, given, taken ?? 0)];
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
    const count = checkedStepCount(owner, iterations.name, taken);
    const scalarWords = await scalars?.tensor.data();
    const restored = new Float64Array(MOST_SCALARS);
    if (scalarWords) restored.set(checkedScalars(owner, rule, scalars!.tensor.dtype, scalarWords));
    const stepNumbers = steps
      ? Array.from(await steps.tensor.data(), (each) => checkedStepCount(owner, steps.name, each))
      : null;
    // It may have been disposed of meanwhile; from here on nothing is waited for.
    this.assertUsable();
    const saved = this.state.checked(rest, stepNumbers, count);
    // A step whose outcome is open would be counted on top of it.
    this.deferred?.error();
    this.state.restore(saved);
    this.replaceScalars(restored);
    this.iterations_ = count;
    this.constrained = count > 0;
  }

  /** Frees the state. The optimiser can't be used afterwards; repeating it does nothing. */
  override dispose(): void {
    this.disposed = true;
    this.endFirstProjection(true);
    this.state.dispose();
    this.replaceScalars(new Float64Array(MOST_SCALARS));
  }

  private step(given: ReadonlyMap<Variable, Tensor | null>, givenLoss: number | Tensor): void {
    const { configuration } = this;
    const { maxNorm, pass } = this.projection;
    this.constrainOnce([...given.keys()]);
    this.assertStillUsable('constraint');
    const stepNumber = super.iterations + 1;
    const added = this.state.add([...given.keys()]);
    const state = this.state.of(given);
    const { variables } = state;
    // What a device that answers later may turn out to have left alone.
    let beforeStep: Tensor[] | null = null;
    let loss = givenLoss;
    let taken = false;
    try {
      if (this.description.loss) {
        loss = this.computedLoss(this.description.loss);
        this.assertStillUsable('objective');
      }
      const gradients = variables.map((variable) => given.get(variable) ?? null);
      const input: TensorStep = {
        rule: configuration.rule,
        settings: { ...configuration.settings, ...configuration.settingsOfStep?.(stepNumber) },
        maxNorm,
        ...this.groups(state, gradients),
        variables,
        gradients,
        // It may lie on another backend: where variables move, tfjs leaves it behind.
        state: state.tensors,
        stateInPlace: state.writable,
        loss: lossForBackend(loss),
        stepNumber,
        scalars: this.scalars,
      };
      if (pass && backendAnswersLater()) {
        beforeStep = variables.map((variable) => keep(clone(variable)));
      }
      const engine = this.byGroup
        ? engineByGroup(engineOfBackend(), this.parameterGroups.assign(variables))
        : engineOfBackend();
      const { report, deferred, newState, newScalars } = engine(input);
      this.report = report;
      this.deferred = deferred;
      if (newState) state.replace(newState);
      taken = deferred !== null || wasWritten(report);
      if (taken) this.replaceScalars(newScalars);
      else discard(newScalars);
      const count = () => {
        this.incrementIterations();
        this.refusedSteps.taken();
        state.countStep((variable) => Boolean(given.get(variable)));
      };
      const smallestLoss = smallestLossOf(input);
      const { statistics } = this;
      if (deferred) {
        this.statistics = null;
        deferred.whenKnown((error, known) => {
          this.endDeferredStep(error, added, count, statistics);
          this.checkBound(known, smallestLoss);
        });
        if (this.refusedSteps.skips) deferred.letRead();
        if (pass) projectVariables(pass, variables, beforeStep, false);
        return;
      }
      if (taken) {
        count();
        this.endFirstProjection(true);
      } else {
        statistics?.restore();
        this.statistics = null;
      }
      this.checkBound(report, smallestLoss);
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

  private computedLoss(lossOf: NonNullable<Description['loss']>): number | Tensor {
    const loss = tidy(() => lossOf(this.options));
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
    { variables, steps: stepCounts }: StateOfStep,
    gradients: readonly (Tensor | null)[],
  ): Pick<TensorStep, 'groups' | 'groupOf'> {
    const { rule, settings: own, groupSettings } = this.configuration;
    const groupNumbers = this.parameterGroups.assign(variables);
    const rows: Group[] = [];
    const rowNumbers = new Map<number, number>();
    const groupOf = new Int32Array(variables.length);
    stepCounts.forEach((steps, i) => {
      if (!gradients[i]) return;
      const stepNumber = rule.usesStepNumber ? steps + 1 : 1;
      const group = groupNumbers[i]!;
      // A number for the two: text would be made for each variable of each step.
      const key = (group + 1) * 2 ** 32 + stepNumber;
      let row = rowNumbers.get(key);
      if (row === undefined) {
        const settings = group === -1 ? own : groupSettings[group]!;
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
    statistics: MovingStatistics | null,
  ): void {
    const refused = wasRefused(error);
    if (refused) statistics?.restore();
    else statistics?.dispose();
    if (refused && this.statistics) {
      // The loss of the next step has been computed meanwhile, and has gone on from bad statistics.
      this.statistics.dispose();
      this.statistics = new MovingStatistics();
    }
    if (this.disposed) return;
    if (refused) this.state.remove(added);
    else count();
    this.endFirstProjection(!refused);
  }

  /** Warns of the first loss that is smaller than the step size is made for. */
  private checkBound(report: StepReport, smallestLoss: number): void {
    if (this.warnedOfBound || !report.belowLowerBound || !wasWritten(report)) return;
    this.warnedOfBound = true;
    warnOfBound(this.owner, this.options, smallestLoss, report);
  }

  private assertUsable(): void {
    if (this.disposed)
      throw new Error(`${this.owner}: this optimiser is disposed; make a new one.`);
  }

  /** After a call of a function of the user's in the middle of a step. */
  private assertStillUsable(name: string): void {
    if (!this.disposed) return;
    throw new Error(
      `${this.owner}: ${name} has disposed of the optimiser whose step called it, and the step was ` +
        'not made; dispose of it after its last step.',
    );
  }

  private assertNotCalledBack(name: string, inside: boolean): void {
    if (!inside) return;
    throw new Error(
      `${this.owner}: ${name} was called by a function that a step of the same optimiser calls (its ` +
        'loss, objective or constraint); such a function must not make a step.',
    );
  }

  private assertFunctionsGiven(): void {
    for (const name of Object.keys(this.description.options)) {
      if (!isFunctionMarker(this.options[name])) continue;
      throw new Error(
        `${this.owner}: ${name} is missing; a saved optimiser does not hold the function: set ` +
          `optimizer.${name} before the first step.`,
      );
    }
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
    if (error && !deferred.told() && !this.refusedSteps.skip(error)) throw error;
  }

  /** Projects the variables on the constraint before the first step. */
  private constrainOnce(variables: readonly Variable[]): void {
    // A list without variables is refused later, and is no first step.
    if (this.constrained || variables.length === 0) return;
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
    if (!hasConstraint) return;
    this.unprojected = variables.map((variable) => ({ variable, value: keep(clone(variable)) }));
    if (pass) {
      projectVariables(pass, variables, null, false);
      return;
    }
    const { newScalars } = engineOfBackend()({
      rule: configuration.rule,
      settings: configuration.settings,
      maxNorm,
      groups: [{ settings: configuration.settings, stepNumber: 1 }],
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
  }

  /** After an error: brings back the parameters unless a step has been made with them. */
  private undoFirstProjection(): void {
    if (!this.deferred) this.endFirstProjection(false);
  }

  /** Forgets the parameters before the first projection, or brings them back. */
  private endFirstProjection(stepTaken: boolean): void {
    if (this.unprojected.length === 0) return;
    for (const { variable, value } of this.unprojected) {
      if (stepTaken || isGone(variable)) value.dispose();
      else replaceValue(variable, value);
    }
    this.unprojected = [];
    this.constrained = stepTaken;
  }
}
