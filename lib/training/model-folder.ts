import type { io } from '@tensorflow/tfjs-core';
import { modelFolder as folderOfPlatform } from '#model-folder';

/**
 * A folder that keeps one model whole, for Node: `model.save(modelFolder(path))` in place of
 * `model.save('file://...')`, and `tf.loadLayersModel(modelFolder(path))`. A process that is killed
 * while it saves leaves the model before or the new one, brought to the disk, never parts of both; and
 * a file that has been damaged is named when it is loaded. `file://path/model.json` of tfjs-node loads
 * it too, unchecked. One process at a time may save into a folder.
 *
 * @param path The folder. It is made where there is none, and keeps other files that lie in it.
 * @returns What `save`, `tf.loadLayersModel` and `tf.loadGraphModel` take.
 * @throws TypeError where the path is no text. Saving rejects with an error that names the file and the
 *   remedy where it cannot be written, loading with one that names the file where it is damaged, lacks
 *   its hash or cannot be read. In a browser the call itself throws.
 */
export function modelFolder(path: string): io.IOHandler {
  return folderOfPlatform(path);
}
