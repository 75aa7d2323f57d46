import { nextFrame } from '@tensorflow/tfjs-core';
import { callbackPrototype } from '#layers-callback';

/** The time that model.fit lets pass between two yields to the event loop, in ms. */
const yieldEvery = 125;

/**
 * Makes plain hooks a callback of tfjs-layers where it can be found (NOTE [callbacks in a list]).
 * model.fit then wraps it no longer in a tf.CustomCallback, which yields to the event loop: so it does
 * that itself.
 */
export function fitCallback<Hooks extends { readonly onBatchBegin: () => void }>(
  hooks: Hooks,
): Hooks {
  const prototype = callbackPrototype();
  if (!prototype) return hooks;
  let last = performance.now();
  return Object.assign(Object.create(prototype) as object, hooks, {
    async onBatchBegin() {
      hooks.onBatchBegin();
      if (performance.now() - last < yieldEvery) return;
      await nextFrame();
      last = performance.now();
    },
  });
}
