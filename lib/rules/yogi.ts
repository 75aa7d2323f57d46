/** Yogi in TypeScript, bit for bit the formulas of native/rules/yogi.h. */
import * as tf from '@tensorflow/tfjs-core';
import { defineAdam } from './adam.js';

const { fround } = Math;

/** v = v - (1 - beta2) sign(v - g^2) g^2 */
export const yogi = defineAdam({
  name: 'yogi',
  keepsMaximum: false,

  secondMoment({ secondMomentWeight }, gradient, moment) {
    const square = fround(gradient * gradient);
    const change = fround(secondMomentWeight * square);
    const signedChange = moment < square ? change : moment > square ? -change : 0;
    return fround(moment + signedChange);
  },

  portableSecondMoment({ secondMomentWeight }, gradient, moment) {
    const square = tf.square(gradient);
    const change = tf.mul(square, secondMomentWeight);
    // Not by the sign of the difference, which is NaN where both have overflowed.
    const larger = tf.where(tf.greater(moment, square), tf.sub(moment, change), moment);
    return tf.where(tf.less(moment, square), tf.add(moment, change), larger);
  },
});
