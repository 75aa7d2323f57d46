/** `tfjs-alig/losses`: losses and metrics. */
export { accuracy } from '../losses/accuracy.js';
export { crossEntropy } from '../losses/cross-entropy.js';
export { hinge, smoothedHinge } from '../losses/hinge.js';
