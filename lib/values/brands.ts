/**
 * What a value is, whichever realm it comes from: an array that was made in another one (vm, Jest,
 * an iframe) is no `instanceof` of this one's classes.
 */

/** Of all typed arrays: its getter gives the class by the brand, undefined for anything else. */
const brand = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype) as object,
  Symbol.toStringTag,
)!;

export function isFloat32Array(value: unknown): value is Float32Array {
  return brand.get!.call(value) === 'Float32Array';
}

export function isRegExp(value: unknown): value is RegExp {
  return Object.prototype.toString.call(value) === '[object RegExp]';
}

export function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function';
}
