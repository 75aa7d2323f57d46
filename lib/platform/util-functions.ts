import util from 'node:util';

/**
 * NOTE [functions of node:util that tfjs-node calls]
 * tfjs-node and tfjs-node-gpu call util.isNullOrUndefined and util.isArray in most of their ops, up
 * to the last release, 4.22.0 (fixed upstream and not released: tensorflow/tfjs#8425 and #8609).
 * Node 22 warns of both (DEP0051, DEP0044), and Node 23 took isNullOrUndefined away: from there on
 * the first op fails. So the package sets the two, and each only where it is missing or warns: Node
 * 20 is left as it is. tfjs-node looks them up at each call, so that it may be loaded before this
 * file or after it. Every thread has a node:util of its own.
 *
 * addon.ts imports this file, which bundles for browsers do not have.
 */
const replacements = {
  isNullOrUndefined: (value: unknown): boolean => value === null || value === undefined,
  isArray: Array.isArray,
} as const;

export type UtilFunction = keyof typeof replacements;

/** What was done to this thread's node:util. */
export interface UtilFunctions {
  /** The functions that were set, because they were missing or warned. */
  readonly set: readonly UtilFunction[];
  /** Whether TFJS_ALIG_SKIP_UTIL_FUNCTIONS=1 kept them from being set. */
  readonly skipped: boolean;
}

/** Missing, or one that warns: util.deprecate puts the function itself below its wrapper. */
function isMissingOrWarns(name: UtilFunction): boolean {
  const present: unknown = (util as Partial<typeof util>)[name];
  return typeof present !== 'function' || Object.getPrototypeOf(present) !== Function.prototype;
}

/** Sets one function, and says whether it could: a frozen node:util stays as it is. */
function set(name: UtilFunction): boolean {
  return Reflect.defineProperty(util, name, {
    value: replacements[name],
    configurable: true,
    enumerable: true,
    writable: true,
  });
}

const skipped = process.env.TFJS_ALIG_SKIP_UTIL_FUNCTIONS === '1';

export const utilFunctions: UtilFunctions = {
  set: skipped
    ? []
    : (Object.keys(replacements) as UtilFunction[]).filter(
        (name) => isMissingOrWarns(name) && set(name),
      ),
  skipped,
};
