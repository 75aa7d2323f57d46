import * as tf from '@tensorflow/tfjs-core';

export interface PlainAliGSettings {
  readonly maxLearningRate: number;
  readonly momentum: number;
  readonly epsilon: number;
  /** Radius of the L2 ball, null: no constraint. */
  readonly maxNorm: number | null;
}

function squaredNorm(tensors: readonly tf.Tensor[]): tf.Tensor {
  return tf.addN(tensors.map((tensor) => tf.sum(tf.square(tensor))));
}

/**
 * ALI-G as one would write it in TensorFlow.js without this package: what its fused step is
 * measured against. It checks nothing and keeps the step size on the device.
 */
export class PlainAliG {
  private readonly velocities: tf.Variable[];

  constructor(
    private readonly variables: readonly tf.Variable[],
    private readonly settings: PlainAliGSettings,
  ) {
    this.velocities =
      settings.momentum === 0
        ? []
        : variables.map((variable) => {
            const zeros = tf.zerosLike(variable);
            const velocity = tf.variable(zeros, false);
            zeros.dispose();
            return velocity;
          });
  }

  step(gradients: readonly tf.Tensor[], loss: tf.Tensor): void {
    const { maxLearningRate, momentum, epsilon, maxNorm } = this.settings;
    tf.tidy(() => {
      const polyakStep = tf.div(loss, tf.add(squaredNorm(gradients), epsilon));
      const stepSize = tf.minimum(polyakStep, maxLearningRate);
      this.variables.forEach((variable, i) => {
        const change = tf.mul(stepSize, gradients[i]!);
        const velocity = this.velocities[i];
        if (velocity) {
          velocity.assign(tf.sub(tf.mul(momentum, velocity), change));
          variable.assign(tf.add(tf.sub(variable, change), tf.mul(momentum, velocity)));
        } else {
          variable.assign(tf.sub(variable, change));
        }
      });
      if (maxNorm === null) return;
      const scale = tf.minimum(1, tf.div(maxNorm, tf.sqrt(squaredNorm(this.variables))));
      for (const variable of this.variables) variable.assign(tf.mul(variable, scale));
    });
  }

  dispose(): void {
    tf.dispose(this.velocities);
  }
}
