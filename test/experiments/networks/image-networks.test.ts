/** The networks for images: recorded values and the published sizes. */
import '../../support/onednn-off.js';

import type * as tf from '@tensorflow/tfjs-node';
import test from 'ava';

import { useBackend } from '../../support/backends.js';
import { readGoldenModel } from '../../support/golden-models.js';
import { publishedShape } from './network-cases.js';
import { builders, testRecorded } from './recorded-images.js';

testRecorded(() => true);

interface CountedNetwork {
  readonly id: string;
  readonly config: Readonly<Record<string, number>> & { readonly model: string };
  readonly n_params: number;
  readonly n_buffers_running_stats: number;
  readonly parameters: readonly (readonly [string, readonly number[]])[];
}

const { models } = readGoldenModel('param-counts') as unknown as {
  readonly models: readonly CountedNetwork[];
};

const counted = models.filter(({ config }) => config.model in builders);

test('the published networks for images are counted', (t) => {
  t.true(counted.length >= 5);
});

for (const {
  id,
  config,
  n_params: count,
  n_buffers_running_stats: statistics,
  parameters,
} of counted) {
  test.serial(`${id} has ${count} parameters, in the published order`, async (t) => {
    await useBackend('tensorflow');
    const network = builders[config.model]!(config);
    const sizeOf = (variables: readonly tf.Variable[]) =>
      variables.reduce((sum, { size }) => sum + size, 0);
    t.is(sizeOf(network.variables), count);
    t.is(sizeOf(network.statistics), statistics);
    t.deepEqual(
      network.variables.map(publishedShape),
      parameters.map(([, shape]) => [...shape]),
    );
    network.dispose();
  });
}
