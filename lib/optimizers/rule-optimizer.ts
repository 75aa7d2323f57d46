import {
  clone,
  dispose,
  engine,
  keep,
  Optimizer,
  Tensor,
  tidy,
  type Scalar,
  type serialization,
  type Variable,
} from '@tensorflow/tfjs-core';
import { projectionOf, type Constraint } from '../constraints/constraint.js';
import type { Projection } from '../constraints/projection.js';
import { engineByGroup } from '../engines/by-group.js';
import { engineOfBackend } from '../engines/choose.js';
import {
  backendAnswersLater,
  discardScalars,
  hostScalars,
  suspectsOf,
  type StepScalars,
  type TensorStep,
} from '../engines/engine.js';
import type { Communicator, StepExchange } from '../mpi/communicator.js';
import { checkOption, float32Value } from '../options/option.js';
import { checkOptionNames } from '../options/option-names.js';
import { checkOutcome } from '../rules/non-finite.js';
import { wasWritten, type StepReport } from '../rules/report.js';
import { MOST_SCALARS, smallestLossOf } from '../rules/rule-step.js';
import { checkLoss, lossForBackend } from '../step/checks.js';
import { isFunctionMarker } from '../values/function-marker.js';
import { applyComputed } from './apply-computed.js';
import { warnOfBound } from './below-lower-bound.js';
import { allOptions, savedOptions, whileRestoring, type AllOptions } from './common-options.js';
import { configurationOf, type RuleConfiguration } from './configuration.js';
import { projectVariables } from './constraint-pass.js';
import type { Description } from './description.js';
import { FirstProjection } from './first-projection.js';
import {
  gradientsByVariable,
  takesPart,
  type GradientList,
  type GradientMap,
} from './gradients.js';
import { guardNames } from './guarded-names.js';
import { StatisticsOfStep } from './moving-statistics.js';
import { isByGroup } from './norm-scope.js';
import { OpenStep } from './open-step.js';
import { ParameterGroups } from './parameter-groups.js';
import { RefusedSteps, wasRefused } from './refused-steps.js';
import { readWeights, weightsOf } from './saved-weights.js';
import { SharedSteps } from './shared-steps.js';
import { assertShardable } from './state-shards.js';
import { OptimizerState, type NamedTensor, type StateOfStep } from './state.js';
import { stepRows } from './step-rows.js';

/**
 * A `tf.Optimizer` that makes its steps by a rule on the engine of the current backend: what all
 * optimisers of this package are. {@link optimizerOf} makes one of a description.
 */
export abstract class RuleOptimizer extends Optimizer {
  private readonly state: OptimizerState;
  /** The rule's own, on the host or on a device that is not waited for. */
  private scalars: StepScalars = new Float64Array(MOST_SCALARS);
  private readonly firstProjection = new FirstProjection();
  private disposed = false;
  /** What is being done, and may be calling a function of the user's. */
  private minimizing = false;
  private stepping = false;
  private report: StepReport | null = null;
  private readonly refusedSteps: RefusedSteps;
  private readonly openStep: OpenStep;
  /** What the loss of the step that is being made may have changed. */
  private readonly statistics = new StatisticsOfStep();
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
  private readonly sharedSteps: SharedSteps;

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
    this.openStep = new OpenStep(this.refusedSteps);
    this.sharedSteps = new SharedSteps(owner, options.communicator);
    this.parameterGroups = new ParameterGroups(
      owner,
      options.groups,
      description.options,
      options.normScope === 'group',
    );
    this.configuration = configurationOf(description, options, this.parameterGroups.overrides);
    const { rule, initialState } = this.configuration;
    this.byGroup = isByGroup(owner, options, rule);
    this.state = new OptimizerState(owner, rule.state, initialState);
    this.iterations_ = 0;
    guardNames(owner, this, () => this.options);
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
    const { description, parameterGroups } = this;
    this.configuration = configurationOf(description, options, parameterGroups.overrides);
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
    if (!this.projection.functionMissing) this.firstProjection.done = false;
    this.projection = projection;
    this.options = { ...this.options, constraint };
  }

  /**
   * The processes that train together, null for this one alone. May be set between steps, on all of them
   * before the same one; parameters and state become those of rank 0 then.
   */
  get communicator(): Communicator | null {
    return this.sharedSteps.communicator;
  }

  set communicator(communicator: Communicator | null) {
    this.sharedSteps.communicator = communicator;
  }

  /** The number of steps taken; a refused one does not count. Waits for the device to know. */
  override get iterations(): number {
    this.openStep.wait();
    return super.iterations;
  }

  /** The number of steps that were skipped (`onNonFinite: 'skip'`). Waits for the device to know. */
  get skippedSteps(): number {
    this.openStep.wait();
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
    return this.sharedSteps.run(() => this.minimizeOnce(f, returnCost, varList));
  }

  private minimizeOnce(
    f: () => Scalar,
    returnCost: boolean,
    varList: Variable[] | undefined,
  ): Scalar | null {
    this.assertUsable();
    this.assertNotCalledBack('minimize', this.minimizing || this.stepping);
    this.assertFunctionsGiven();
    const { firstProjection } = this;
    const wasDone = firstProjection.done;
    this.minimizing = true;
    try {
      // Without a list the variables become known with their gradients, and those belong to where
      // the variables are: to call f again after a projection would take its batch twice.
      if (varList) this.constrainOnce([...new Set(varList)].filter(takesPart));
      else firstProjection.done = true;
      this.shareParameters(varList);
      this.statistics.remember();
      return applyComputed(this, this.computeGradients(f, varList), returnCost, varList);
    } catch (error) {
      this.undoFirstProjection();
      if (!varList && super.iterations === 0) firstProjection.done = wasDone;
      throw error;
    } finally {
      this.statistics.forget();
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
    this.sharedSteps.run(() => {
      this.applyOnce(gradients, step);
    });
  }

  private applyOnce(
    gradients: GradientMap | GradientList,
    step: { loss?: number | Tensor } | undefined,
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
    this.openStep.raise();
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

  /** The options, as JSON can hold them; `fromConfig` takes them back. */
  override getConfig(): serialization.ConfigDict {
    return savedOptions(this.options, this.parameterGroups.saved(this.state.variables));
  }

  /** Makes an optimiser from what {@link getConfig} gave. */
  static override fromConfig<T extends serialization.Serializable>(
    cls: new (options: never) => T,
    config: serialization.ConfigDict,
  ): T {
    // tfjs-layers adds what the caller named as custom objects.
    const options = { ...config };
    delete options['customObjects'];
    return whileRestoring(() => new cls(options as never));
  }

  /**
   * The number of steps taken; where the rule has them its scalars (the bits of doubles, as int32)
   * and the number of steps that each variable has taken; then the arrays of state, those of one
   * variable after the other, in the order in which the variables were given. They are copies of the
   * moment of the call, whatever is done before the promise is fulfilled, and lie in host memory,
   * which the garbage collector frees: tfjs's model.save() asks for them and never disposes of them.
   * An op on one makes it a tensor of the backend, which is the caller's to dispose of. With
   * `mpi.shardState` all ranks have to call it, before the same step, and each gets all of the state.
   */
  override async getWeights(): Promise<NamedTensor[]> {
    this.assertUsable();
    const { rule } = this.configuration;
    // All of it before anything is waited for: the next step may be made meanwhile.
    const { iterations } = this;
    const scalars = hostScalars(this.scalars).slice();
    const gathered = this.sharedSteps.readState((exchange) => this.state.gathered(exchange));
    const { tensors, steps } = await this.state.copies(gathered);
    return [...weightsOf(rule, { iterations, scalars, steps }), ...tensors];
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
    const read = await readWeights(this.owner, this.configuration.rule, weights);
    // It may have been disposed of meanwhile; from here on nothing is waited for.
    this.assertUsable();
    const saved = this.state.checked(read.state, read.steps, read.iterations);
    // A step whose outcome is open would be counted on top of it.
    this.openStep.wait();
    this.state.restore(saved);
    this.replaceScalars(read.scalars);
    this.iterations_ = read.iterations;
    this.firstProjection.done = read.iterations > 0;
  }

  /** Frees the state. The optimiser can't be used afterwards; repeating it does nothing. */
  override dispose(): void {
    this.disposed = true;
    this.firstProjection.end(true);
    this.state.dispose();
    this.replaceScalars(new Float64Array(MOST_SCALARS));
  }

  private step(given: ReadonlyMap<Variable, Tensor | null>, givenLoss: number | Tensor): void {
    const { configuration } = this;
    const { maxNorm, pass } = this.projection;
    this.constrainOnce([...given.keys()]);
    this.assertStillUsable('constraint');
    const added = this.state.add([...given.keys()]);
    const state = this.state.of(given);
    const { variables } = state;
    // What a device that answers later may turn out to have left alone.
    let beforeStep: Tensor[] | null = null;
    let loss = givenLoss;
    const made: Tensor[] = [];
    let taken = false;
    try {
      const sharing = this.meetRanks(state);
      const stepNumber = super.iterations + 1;
      if (this.description.loss) {
        loss = this.computedLoss(this.description.loss);
        this.assertStillUsable('objective');
      }
      const own = variables.map((variable) => given.get(variable) ?? null);
      const ofAll = this.sharedSteps.agree({ variables, gradients: own, loss, stepNumber }, () => ({
        options: this.getConfig(),
        variableSteps: state.steps,
        firsts: sharing && state.firsts,
      }));
      made.push(...(ofAll?.made ?? []));
      const gradients = ofAll?.gradients ?? own;
      const shards = sharing && state.shards(sharing);
      made.push(...(shards?.made ?? []));
      const input: TensorStep = {
        rule: configuration.rule,
        settings: { ...configuration.settings, ...configuration.settingsOfStep?.(stepNumber) },
        maxNorm,
        maxGradientValue: float32Value(this.options.maxGradientValue),
        ...stepRows(configuration, this.parameterGroups.assign(variables), state.steps, gradients),
        variables,
        gradients,
        // It may lie on another backend: where variables move, tfjs leaves it behind.
        state: shards?.tensors ?? state.tensors,
        stateInPlace: state.writable && !(shards && shards.made.length > 0),
        shards,
        loss: ofAll?.loss ?? lossForBackend(loss),
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
      this.openStep.replace(deferred);
      if (newState) state.replace(newState, shards?.firsts);
      taken = deferred !== null || wasWritten(report);
      if (taken) this.replaceScalars(newScalars);
      else discardScalars(newScalars);
      const count = () => {
        this.incrementIterations();
        this.refusedSteps.taken();
        this.sharedSteps.taken();
        state.countStep(gradients);
      };
      const smallestLoss = smallestLossOf(input);
      if (deferred) {
        const endStatistics = this.statistics.untilKnown();
        deferred.whenKnown((error, known) => {
          const refused = wasRefused(error);
          endStatistics(refused);
          if (!this.disposed) {
            if (refused) this.state.remove(added);
            else count();
            this.firstProjection.end(!refused);
          }
          this.checkBound(known, smallestLoss);
        });
        if (pass) projectVariables(pass, variables, beforeStep, false);
        return;
      }
      if (taken) {
        count();
        this.firstProjection.end(true);
      } else {
        this.statistics.restore();
      }
      this.checkBound(report, smallestLoss);
      checkOutcome(report, () =>
        this.sharedSteps.whereNotFinite(report, suspectsOf({ ...input, gradients: own }), loss),
      );
      if (pass) {
        this.report = { ...report, projected: projectVariables(pass, variables, null, true) };
      }
    } finally {
      if (beforeStep) dispose(beforeStep);
      dispose(made);
      if (!taken) this.state.remove(added);
      if (loss !== givenLoss) dispose(loss);
    }
  }

  /**
   * With a communicator, before the first step: gives the variables the values of rank 0, which `minimize`
   * does by itself. Nothing after that. To be called on all ranks.
   *
   * @param variables Default: all trainable ones.
   * @throws Error where the ranks have other variables; nothing was changed then.
   */
  shareParameters(variables?: readonly Variable[]): void {
    if (!this.sharedSteps.isNew) return;
    const all = variables ?? Object.values(engine().registeredVariables);
    this.sharedSteps.shareParameters([...new Set(all)].filter(takesPart));
  }

  /** Before a step. Returns what the ranks share the state by; null: each has all of it. */
  private meetRanks(state: StateOfStep): StepExchange | null {
    const { sharing, isNew } = this.sharedSteps;
    if (sharing) assertShardable(this.owner, this.byGroup);
    if (!sharing || isNew) {
      this.sharedSteps.readState((exchange) => {
        this.state.makeWhole(exchange);
      });
    }
    if (isNew) this.shareState(state);
    return sharing;
  }

  /** Takes over state, numbers of steps and parameters of rank 0. */
  private shareState(state: StateOfStep): void {
    const scalars = hostScalars(this.scalars);
    const numbers = Float64Array.of(super.iterations, ...scalars, ...state.steps);
    const { variables, tensors } = state;
    const shared = this.sharedSteps.shareState({ variables, state: tensors, numbers });
    const [iterations, ...others] = numbers;
    this.iterations_ = iterations!;
    this.replaceScalars(Float64Array.from(others.slice(0, scalars.length)));
    state.overwrite(shared, others.slice(scalars.length));
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

  /** Takes over the scalars of a step; on a device they outlive the caller's tf.tidy. */
  private replaceScalars(scalars: StepScalars): void {
    discardScalars(this.scalars);
    this.scalars = scalars instanceof Tensor ? keep(scalars) : scalars;
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

  /** Projects the variables on the constraint before the first step. */
  private constrainOnce(variables: readonly Variable[]): void {
    // A list without variables is refused later, and is no first step.
    if (this.firstProjection.done || variables.length === 0) return;
    // Its variables may still have to be brought back.
    this.openStep.raise();
    const { owner, projection, configuration, scalars } = this;
    this.firstProjection.make(owner, projection, configuration, scalars, variables);
  }

  /** After an error: brings back the parameters unless a step has been made with them. */
  private undoFirstProjection(): void {
    if (!this.openStep.exists) this.firstProjection.end(false);
  }
}
