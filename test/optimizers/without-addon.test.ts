/** tfjs-node without the native add-on, whose steps TensorFlow.js ops make. */
import '../support/without-addon.js';
import * as tf from '@tensorflow/tfjs-node';
import test from 'ava';
import { Adam, AliG, box, l2Ball, Momo, nonNegative, simplex } from '../../lib/index.js';

const makers = {
  AliG: () => new AliG({ maxLearningRate: 0.1 }),
  'AliG on a ball': () => new AliG({ maxLearningRate: 0.1, constraint: l2Ball(1) }),
  'AliG in a box': () => new AliG({ maxLearningRate: 0.1, constraint: box(-0.5, 0.5) }),
  'AliG above 0': () => new AliG({ maxLearningRate: 0.1, constraint: nonNegative }),
  'AliG on the simplex': () => new AliG({ maxLearningRate: 0.1, constraint: simplex }),
  Adam: () => new Adam(),
  Momo: () => new Momo(),
};

test.before(async () => {
  await tf.setBackend('tensorflow');
});

for (const [name, make] of Object.entries(makers)) {
  test.serial(`${name} lets variables without elements through`, (t) => {
    const optimizer = make();
    const variables = [[0], [3], [2, 0]].map((shape) => tf.variable(tf.ones(shape)));
    for (let step = 0; step < 2; step++) {
      optimizer.applyGradients(
        variables.map(({ name: variable, shape }) => ({ name: variable, tensor: tf.ones(shape) })),
        { loss: 1 },
      );
      t.is(optimizer.lastStep!.engine, 'portable');
    }
    t.true(variables[1]!.dataSync()[0]! < 1);
    t.deepEqual(
      variables.map(({ shape }) => shape),
      [[0], [3], [2, 0]],
    );
    // Without any element there is nothing to move.
    const empty = make();
    empty.applyGradients({ [variables[0]!.name]: tf.ones([0]) }, { loss: 0 });
    t.is(empty.lastStep!.gradientNorm, 0);
  });
}
