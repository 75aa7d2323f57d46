/** Which trainings are measured, without loading TensorFlow.js. */
import { momentumName, plainName } from '../contenders/list.js';

export type NetworkName = 'mnist' | 'wrn-16-4' | 'bilstm';

/** By what optimiser: ALI-G before and after it was fused, and the usual choice. */
export type OptimizerName = 'plain' | 'alig' | 'momentum';

export interface Training {
  readonly network: NetworkName;
  readonly title: string;
  /** Of the published experiments. */
  readonly batchSize: number;
}

export const trainings: readonly Training[] = [
  { network: 'mnist', title: 'Convolutional network, MNIST', batchSize: 128 },
  { network: 'wrn-16-4', title: 'WRN-16-4, 32 x 32 images', batchSize: 128 },
  { network: 'bilstm', title: 'BiLSTM, pairs of 8 words', batchSize: 64 },
];

export const optimizers: readonly { readonly key: OptimizerName; readonly name: string }[] = [
  { key: 'plain', name: plainName },
  { key: 'alig', name: 'AliG' },
  { key: 'momentum', name: momentumName },
];

/** What the process of one training is given. */
export interface TrainingInput {
  readonly network: NetworkName;
  readonly optimizer: OptimizerName;
  readonly batchSize: number;
  readonly quick: boolean;
}
