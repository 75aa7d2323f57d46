/** `tfjs-alig/schedules`: learning-rate schedules, and the callback that applies them. */
export {
  cosineDecay,
  exponentialDecay,
  PlateauDecay,
  powerDecay,
  setLearningRate,
  stepDecay,
  warmUp,
  type CosineDecayOptions,
  type ExponentialDecayOptions,
  type LearningRateSchedule,
  type PlateauDecayOptions,
  type PlateauDecayState,
  type PowerDecayOptions,
  type StepDecayOptions,
  type WarmUpOptions,
} from '../training/learning-rate.js';
export {
  learningRateScheduler,
  type LearningRateScheduler,
  type LearningRateSchedulerOptions,
} from '../training/learning-rate-scheduler.js';
