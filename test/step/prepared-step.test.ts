/** Prepared steps over host arrays by the add-on. */
import * as tf from '@tensorflow/tfjs-node';
import test from 'ava';
import { prepareAliGStep } from '../../lib/index.js';
import { testPreparedSteps } from '../support/prepared-steps.js';

testPreparedSteps('native-cpu');

test('tensors cannot be prepared: each step gives them new memory', (t) => {
  const variable = tf.variable(tf.tensor1d([1, 2]));
  const options = { parameters: [variable], gradients: [tf.tensor1d([1, 2])] };
  t.throws(() => prepareAliGStep(options as never), {
    instanceOf: TypeError,
    message: /prepareAliGStep: parameters must be Float32Arrays or DeviceBuffers, not tensors/,
  });
});
