/** The projection on the constraint that precedes an optimiser's first step. */
import type { Variable } from '@tensorflow/tfjs-core';
import type { Projection } from '../constraints/projection.js';
import { engineOfBackend } from '../engines/choose.js';
import { discardScalars, type StepScalars } from '../engines/engine.js';
import { checkVariable } from '../step/checks.js';
import type { RuleConfiguration } from './configuration.js';
import { projectVariables } from './constraint-pass.js';
import { KeptVariables } from './kept-variables.js';

export class FirstProjection {
  /** It has been made, or the first step is taken from where the variables are. */
  done = false;
  /** The variables before it, until the first step is taken. */
  private before: KeptVariables | null = null;

  /** Makes it, unless it is done. To be ended by {@link end}. */
  make(
    owner: string,
    { maxNorm, pass }: Projection,
    { rule, settings }: RuleConfiguration,
    scalars: StepScalars,
    variables: readonly Variable[],
  ): void {
    const hasConstraint = maxNorm !== Infinity || pass !== null;
    if (hasConstraint) {
      variables.forEach((variable) => {
        checkVariable(() => `${owner}: variable '${variable.name}'`, variable);
      });
    }
    this.done = true;
    if (!hasConstraint) return;
    this.before = new KeptVariables(variables);
    if (pass) {
      projectVariables(pass, variables, null, false);
      return;
    }
    const { newScalars } = engineOfBackend()({
      rule,
      settings,
      maxNorm,
      maxGradientValue: Infinity,
      groups: [{ settings, stepNumber: 1 }],
      groupOf: null,
      variables,
      gradients: variables.map(() => null),
      state: [],
      stateInPlace: false,
      loss: 0,
      stepNumber: 1,
      scalars,
    });
    discardScalars(newScalars);
  }

  /** Forgets the variables before it, or brings them back. */
  end(stepTaken: boolean): void {
    if (!this.before) return;
    if (!stepTaken) this.before.restore();
    this.before.dispose();
    this.before = null;
    this.done = stepTaken;
  }
}
