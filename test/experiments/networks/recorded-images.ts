/** The networks for images against what the published code computed: tests that two files run. */
import * as tf from '@tensorflow/tfjs-node';
import test from 'ava';

import { crossEntropy, hinge, smoothedHinge } from 'tfjs-alig';
import { DenseNet } from '../../../experiments/networks/dense-net.js';
import type { Network } from '../../../experiments/networks/network.js';
import { WideResNet } from '../../../experiments/networks/wide-resnet.js';
import { backendNames, useBackend } from '../../support/backends.js';
import { type GoldenNetwork, goldenNetworks } from '../../support/golden-models.js';
import { tensorCount } from '../../support/tensor-count.js';
import {
  assertWithin,
  excessOf,
  expectedNames,
  loadRecorded,
  publishedLayout,
  tensorOf,
} from './network-cases.js';

type Builder = (config: Readonly<Record<string, number>>) => Network<tf.Tensor4D>;

export const builders: Readonly<Record<string, Builder>> = {
  wrn: ({ depth, width, n_classes: classes }) =>
    new WideResNet({ depth: depth!, width: width!, classes: classes! }, 1),
  densenet: ({ depth, growth, n_classes: classes }) =>
    new DenseNet({ depth: depth!, growth: growth!, classes: classes! }, 1),
};

/** The recorded batch. */
function batchOf(model: GoldenNetwork) {
  return {
    images: tensorOf(model.inputs['x']!).transpose<tf.Tensor4D>([0, 2, 3, 1]),
    labels: tensorOf(model.inputs['y']!),
  };
}

/** What a training step computes, by its recorded name. */
type Computed = ReadonlyMap<string, tf.Tensor | number>;

/** All but the gradients. */
function forwardPass(network: Network<tf.Tensor4D>, model: GoldenNetwork): Computed {
  const { images, labels } = batchOf(model);
  const evaluated = network.forward(images, { training: false });
  const logits = network.forward(images, { training: true });
  return new Map([
    ['logits_eval', evaluated],
    ['logits_train', logits],
    ['loss_ce', crossEntropy(labels, logits).mean()],
    ['loss_hinge', hinge(labels, logits).mean()],
    ['loss_smooth_hinge', smoothedHinge(labels, logits).mean()],
    ...Object.keys(model.buffers!).map((name, i): [string, tf.Tensor] => [
      `updated:${name}`,
      network.statistics[i]!,
    ]),
  ]);
}

/**
 * The gradients of the network with all filters multiplied by a factor, as they are without it:
 * normalisation takes such a factor out again, all but its epsilon.
 */
function gradientsOf(
  network: Network<tf.Tensor4D>,
  model: GoldenNetwork,
  factor: number,
): Computed {
  const { images, labels } = batchOf(model);
  const scaled = (variable: tf.Tensor) => (variable.rank === 4 ? variable.mul(factor) : variable);
  for (const variable of network.variables) {
    if (variable.rank === 4) variable.assign(variable.mul(factor));
  }
  const [ofImages, ...ofVariables] = tf.grads((...[given]: tf.Tensor[]) =>
    crossEntropy(labels, network.forward(given as tf.Tensor4D, { training: true })).mean(),
  )([images, ...network.variables]);
  const ofParameters = Object.keys(model.params).map((name, i): [string, tf.Tensor] => [
    `grad:${name}`,
    publishedLayout(scaled(ofVariables[i]!)),
  ]);
  const squares = ofParameters.reduce(
    (sum, [, gradient]) =>
      gradient.dataSync<'float32'>().reduce((total, value) => total + value * value, sum),
    0,
  );
  return new Map<string, tf.Tensor | number>([
    ['grad_input', ofImages!.transpose([0, 3, 1, 2])],
    ['grad_sq_norm', squares],
    ...ofParameters,
  ]);
}

/**
 * A relu's input so near to 0 that rounding decides its sign changes the gradients by more than
 * rounding does (FORMAT.md): PyTorch in float32 is outside of the tolerance for wrn-40-4-c100-published
 * and densenet-40-40-c10-published on a processor without AVX-512, by one relu of 4.5 million. So the
 * gradients have to agree for one of some factors, which change the rounding of everything and nothing
 * else. An error in a formula is one for all of them.
 */
const factors = Array.from({ length: 12 }, (_, i) => 1 + i * 2 ** -12);

function worstExcess(model: GoldenNetwork, computed: Computed): number {
  return Math.max(...[...computed].map(([name, value]) => excessOf(model, name, value)));
}

/** Up to so many parameters a case is also tried in tfjs operations on JavaScript arrays: seconds. */
const smallest = 5000;

/** Defines a test for each recorded network that is chosen. */
export function testRecorded(chosen: (model: GoldenNetwork) => boolean): void {
  for (const model of Object.keys(builders).flatMap(goldenNetworks).filter(chosen)) {
    for (const backend of backendNames) {
      if (backend !== 'tensorflow' && (backend !== 'cpu' || model.n_params > smallest)) continue;
      test.serial(`${model.id} is as recorded (${backend})`, async (t) => {
        t.timeout(1_790_000);
        await useBackend(backend);
        const before = tensorCount();
        const network = builders[model.kind]!(model.config);
        const names: string[] = [];
        loadRecorded(network, model);
        tf.tidy(() => {
          const computed = forwardPass(network, model);
          for (const [name, value] of computed) assertWithin(t, model, name, value);
          names.push(...computed.keys());
        });
        const excesses: number[] = [];
        for (const factor of factors) {
          loadRecorded(network, model);
          tf.tidy(() => {
            const computed = gradientsOf(network, model, factor);
            excesses.push(worstExcess(model, computed));
            if (factor === 1) names.push(...computed.keys());
          });
          if (excesses.at(-1)! <= 0) break;
        }
        t.true(excesses.at(-1)! <= 0, `gradients: ${excesses.join(', ')} more than the tolerance`);
        t.deepEqual(names.sort(), expectedNames(model));
        network.dispose();
        t.is(tensorCount(), before);
      });
    }
  }
}
