import { crossEntropy, hinge, smoothedHinge } from 'tfjs-alig';

import type { TrainingSpecification } from '../runner/experiment.js';
import type { ClassificationLoss } from './classifier.js';

/** The losses of classifiers by their names, as means over a batch. */
export const classificationLosses: Readonly<
  Record<TrainingSpecification['loss'], ClassificationLoss>
> = {
  crossEntropy: (labels, logits) => crossEntropy(labels, logits).mean(),
  hinge: (labels, logits) => hinge(labels, logits).mean(),
  smoothedHinge: (labels, logits) => smoothedHinge(labels, logits).mean(),
};
