import { PlateauDecay, setLearningRate, type LearningRateSchedule } from 'tfjs-alig';

import type { TrainingOptimizer } from './step.js';

/** The hand-made schedule of a baseline. */
export interface ScheduleSettings {
  /** The learning rate by the number of epochs that are done. */
  readonly decay: LearningRateSchedule;
  /**
   * By what the rate is multiplied after an epoch whose validation accuracy is no better than the
   * best. Default: nothing.
   */
  readonly plateauFactor?: number;
}

/** Sets the learning rate of an optimiser for each epoch. */
export class RateOfEpochs {
  readonly #decay: LearningRateSchedule;
  readonly #plateau: PlateauDecay | null;

  constructor({ decay, plateauFactor }: ScheduleSettings) {
    this.#decay = decay;
    this.#plateau =
      plateauFactor === undefined
        ? null
        : new PlateauDecay({ learningRate: 1, factor: plateauFactor, mode: 'max' });
  }

  /** Sets the rate of an epoch, counted from 1. */
  set(optimizer: TrainingOptimizer, epoch: number): void {
    setLearningRate(optimizer, this.#decay(epoch - 1) * (this.#plateau?.learningRate ?? 1));
  }

  /** Takes the validation accuracy of the epoch that has ended. */
  update(accuracy: number): void {
    this.#plateau?.update(accuracy);
  }

  /** What {@link restore} takes back; null: all is said by the epoch. */
  save() {
    return this.#plateau === null ? null : { ...this.#plateau.getState() };
  }

  restore(saved: ReturnType<RateOfEpochs['save']>): void {
    if (saved !== null) {
      this.#plateau?.setState(saved);
    }
  }
}
