/** The time of the DNC's loss and gradients by its readable and its fast form; docs/dnc.md. */
import { FastSequence } from '../experiments/dnc/fast-sequence.js';
import { sequenceLoss } from '../experiments/dnc/loss.js';
import { createParameters } from '../experiments/dnc/parameters.js';
import { drawBatch, publishedTask } from '../experiments/dnc/repeat-copy.js';
import { publishedSizes } from '../experiments/dnc/sizes.js';
import '../lib/platform/util-functions.js';
import * as tf from '@tensorflow/tfjs-node';

const warmUpRounds = 20;
const rounds = 50;

const parameters = createParameters(publishedSizes, 1);
const variables = Object.values(parameters);
const batch = drawBatch(publishedTask, 'benchmark');
const fast = new FastSequence(publishedSizes);

/** In turn, so that a machine whose speed drifts treats both alike. */
const forms = [
  { name: 'fast', loss: () => fast.loss(parameters, batch), times: [] as number[] },
  {
    name: 'readable',
    loss: () => sequenceLoss(publishedSizes, parameters, batch),
    times: [] as number[],
  },
];

for (let round = 0; round < warmUpRounds + rounds; round++) {
  for (const { loss, times } of forms) {
    const start = performance.now();
    tf.tidy(() => tf.variableGrads(loss, variables).value.dataSync());
    if (round >= warmUpRounds) times.push(performance.now() - start);
  }
}

for (const { name, times } of forms) {
  times.sort((a, b) => a - b);
  console.log(
    `${name}: median ${times[rounds / 2]!.toFixed(1)} ms, least ${times[0]!.toFixed(1)} ms`,
  );
}
