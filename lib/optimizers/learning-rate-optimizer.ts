import type { Complete } from './options.js';
import { RuleOptimizer, type CommonOptions } from './rule-optimizer.js';

interface LearningRateOptions extends CommonOptions {
  learningRate?: number;
  weightDecay?: number;
}

/** A {@link RuleOptimizer} whose learning rate and weight decay may be set between steps. */
export abstract class LearningRateOptimizer<
  Options extends Complete<LearningRateOptions>,
> extends RuleOptimizer<Options> {
  /** Learning rate (eta). May be set between steps. */
  get learningRate(): number {
    return this.options.learningRate;
  }

  set learningRate(value: number) {
    // Options has it; TypeScript does not infer that of a type parameter.
    this.change({ learningRate: value } as Partial<Options>);
  }

  /** Weight decay (lambda). May be set between steps. */
  get weightDecay(): number {
    return this.options.weightDecay;
  }

  set weightDecay(value: number) {
    this.change({ weightDecay: value } as Partial<Options>);
  }
}
