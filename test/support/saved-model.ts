import type { io } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-node';

/** Saves a model with its optimiser and gives what loads it again. */
export async function savedToMemory(model: tf.LayersModel): Promise<io.IOHandler> {
  let saved: io.ModelArtifacts | undefined;
  await model.save(
    tf.io.withSaveHandler((artifacts) => {
      saved = artifacts;
      return Promise.resolve({
        modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' as const },
      });
    }),
    { includeOptimizer: true },
  );
  const { trainingConfig } = saved!;
  return tf.io.fromMemory({
    ...saved!,
    // As every store that is not in memory does.
    trainingConfig: JSON.parse(JSON.stringify(trainingConfig)) as io.TrainingConfig,
  });
}
