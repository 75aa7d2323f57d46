import { serialization } from '@tensorflow/tfjs-core';
import { shown } from '../values/shown.js';

type AnyClass = serialization.SerializableConstructor<serialization.Serializable>;

/**
 * What {@link registerOptimizers} needs of a TensorFlow.js: `tf.serialization`, of whatever version of
 * tfjs-core.
 */
export interface TensorFlowCopy {
  readonly serialization: {
    readonly registerClass: (cls: never) => unknown;
    readonly SerializationMap: { getMap(): { readonly classNameMap: object } };
  };
}

/** The classes of this package that a saved model may name. */
const classes: AnyClass[] = [];

/** The lists of classes that have them: that of the tfjs-core which this package imports, and given ones. */
const registries = new Set<TensorFlowCopy['serialization']>([serialization]);

function put(registry: TensorFlowCopy['serialization'], cls: AnyClass): void {
  (registry as typeof serialization).registerClass(cls);
}

/** Makes a class known to TensorFlow.js, so that it loads what was saved of one. */
export function register(cls: AnyClass): void {
  classes.push(cls);
  for (const registry of registries) put(registry, cls);
}

/**
 * Makes all optimisers of this package known to another copy of TensorFlow.js. Importing the package
 * does that for the copy of tfjs-core that it imports itself. Where a program has more than one
 * (docs/several-copies.md), `loadLayersModel` of another ends with `Unknown layer: AliG` without this.
 *
 *     import * as tf from '@tensorflow/tfjs-node';
 *     import { registerOptimizers } from 'tfjs-alig';
 *     registerOptimizers(tf);
 *     const model = await tf.loadLayersModel('file://model/model.json');
 *
 * Losses and constraints need no such call: their functions are not saved, and the other constraints are
 * a part of the saved optimiser. To call it again, or with the package's own copy, changes nothing.
 *
 * @param tf The TensorFlow.js that loads models: whatever has its `serialization`, such as all of
 * `@tensorflow/tfjs`, `tfjs-node` or `tfjs-core`.
 * @throws TypeError where it has none; nothing is registered then.
 */
export function registerOptimizers(tf: TensorFlowCopy): void {
  const registry = (tf as Partial<TensorFlowCopy> | null | undefined)?.serialization;
  if (typeof registry?.registerClass !== 'function') {
    throw new TypeError(
      'registerOptimizers: tf must be a TensorFlow.js, which has serialization.registerClass, such as ' +
        `that of import * as tf from '@tensorflow/tfjs', not ${shown(tf)}.`,
    );
  }
  for (const cls of classes) put(registry, cls);
  registries.add(registry);
}

/** A registered class and its `fromConfig`, from the first copy that has it; undefined where none has. */
export function classNamed(
  name: string,
): [AnyClass, serialization.FromConfigMethod<serialization.Serializable>] | undefined {
  for (const registry of registries) {
    const { classNameMap } = (registry as typeof serialization).SerializationMap.getMap();
    if (Object.hasOwn(classNameMap, name)) return classNameMap[name];
  }
  return undefined;
}
