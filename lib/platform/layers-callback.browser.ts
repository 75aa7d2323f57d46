/** In a browser's bundle nothing tells where tfjs-layers is: the callbacks of this package are plain objects. */
export function callbackPrototype(): object | null {
  return null;
}
