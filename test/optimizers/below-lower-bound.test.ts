/** A loss below the smallest that a step size is made for is told of. */
import * as tf from '@tensorflow/tfjs-node';
import test from 'ava';
import * as alig from '../../lib/index.js';
import { backendNames, useBackend } from '../support/backends.js';

test.serial.beforeEach(async () => {
  await useBackend('tensorflow');
});

const objective = () => -3;
/** What all optimisers of this package have. */
type Optimizer = Pick<alig.AliG, 'applyGradients' | 'lastStep' | 'getClassName'>;

const makers: [() => Optimizer, RegExp][] = [
  [() => new alig.AliG({ maxLearningRate: 0.1 }), /Give lowerBound a value/],
  [() => new alig.AliG({ maxLearningRate: 0.1, lowerBound: 2 }), /is below 2, .*Give lowerBound/],
  [() => new alig.Sps(), /which goes uphill.*Give optimalValue/],
  [() => new alig.Sps({ variant: 'constant' }), /step size is 0\. Give optimalValue/],
  [() => new alig.Aprox(), /which goes uphill.*Add a constant/],
  [() => new alig.Dfw({ learningRate: 0.1 }), /Add a constant/],
  [() => new alig.BPGrad({ learningRate: 0.1 }), /which goes uphill.*Add a constant/],
  [() => new alig.Momo(), /Give lowerBound/],
  [() => new alig.MomoAdam(), /Give lowerBound/],
  [() => new alig.L4Mom(), /Add a constant/],
  [() => new alig.L4Adam(), /Add a constant/],
  [() => new alig.Polyak({ objective }), /Give optimalValue/],
  [() => new alig.ObermanPrazeres({ objective }), /Give optimalValue/],
];

for (const backend of backendNames) {
  for (const [i, [make, message]] of makers.entries()) {
    test.serial(
      `the report and one warning (${make().getClassName()} ${i}, ${backend})`,
      async (t) => {
        await useBackend(backend);
        const { warn } = console;
        const said: string[] = [];
        console.warn = (text: string) => {
          if (text.includes('loss')) said.push(text);
        };
        const variable = tf.variable(tf.tensor1d([1, -1]));
        const optimizer = make();
        try {
          for (let step = 0; step < 3; step++) {
            optimizer.applyGradients({ [variable.name]: tf.tensor1d([0.5, 1]) }, { loss: -1 });
            t.true(optimizer.lastStep!.belowLowerBound);
          }
          t.is(said.length, 1);
          t.regex(said[0]!, message);
          optimizer.applyGradients(
            { [variable.name]: tf.tensor1d([0.5, 1]) },
            {
              loss: 3,
            },
          );
          t.is(said.length, 1);
        } finally {
          console.warn = warn;
        }
      },
    );
  }
}
