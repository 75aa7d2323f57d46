import { requireHere } from './package.js';

const { cache } = requireHere;

/** The file that is tfjs-layers where Node requires it. */
const layersFile = /[\\/]tfjs-layers[\\/]dist[\\/]tf-layers[^\\/]*\.js$/;

/** What is looked at of tfjs-layers. */
interface Layers {
  readonly CustomCallback?: new () => unknown;
}

/**
 * The prototype of all callbacks of the tfjs-layers that this process has loaded, null where there is
 * none.
 *
 * NOTE [callbacks in a list]
 * model.fit takes a list of callbacks of tfjs-layers or one of plain objects, and looks at the first
 * alone. After a plain object it takes tf.node.tensorBoard() apart as if it were one, too: that calls
 * itself until the memory is full. So the callbacks of this package are callbacks of tfjs-layers, without
 * importing it: it is no dependency, and a second copy would be of no use.
 */
export function callbackPrototype(): object | null {
  const path = Object.keys(cache).find((each) => layersFile.test(each));
  const { CustomCallback } = ((path && cache[path]?.exports) || {}) as Layers;
  if (typeof CustomCallback !== 'function') return null;
  return Object.getPrototypeOf(CustomCallback.prototype) as object;
}
