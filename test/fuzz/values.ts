/** Arbitrary values that the properties share. */
import fc from 'fast-check';
import { resizableBuffer } from '../support/resizable-buffer.js';

/** Numbers among which every special one of float32 is frequent. */
export const numbers = fc.oneof(
  { weight: 6, arbitrary: fc.float({ min: -4, max: 4, noNaN: true }) },
  {
    weight: 3,
    arbitrary: fc.constantFrom(0, -0, 1, 1e-45, -1e-40, 2 ** -126, 3e-39, 1e-20, 1e18, -1e19),
  },
  { weight: 1, arbitrary: fc.constantFrom(NaN, Infinity, -Infinity, 3.4e38, -3.4e38) },
);

/** As {@link numbers}, mostly harmless, so that most steps are taken. */
export const mildNumbers = fc.oneof(
  { weight: 60, arbitrary: fc.float({ min: -4, max: 4, noNaN: true }) },
  { weight: 1, arbitrary: numbers },
);

/** Around a lane, a chunk and nothing. */
export const sizes = fc.oneof(
  { weight: 20, arbitrary: fc.integer({ min: 0, max: 40 }) },
  { weight: 1, arbitrary: fc.constantFrom(1023, 1024, 1025, 16383, 16384, 16385) },
);

/** `size` numbers that begin with some arbitrary ones and repeat them. */
export function repeated(size: number, some: readonly number[]): Float32Array {
  return Float32Array.from({ length: size }, (_, i) => some[i % some.length]!);
}

/** Values of any kind that an option may be given. */
export const anything = fc.oneof(
  { weight: 4, arbitrary: numbers },
  {
    weight: 3,
    arbitrary: fc.constantFrom<unknown>(
      ...[undefined, null, true, false, '', '0.1', 'throw', 'skip', Symbol('x'), 3n, [], [1], {}],
      ...[Object.create(null), () => 1, new Date(0), Float32Array.of(1), new Map(), /x/],
    ),
  },
  { weight: 1, arbitrary: fc.anything() },
);

/** Where an array's numbers lie. */
export const homes = ['own', 'view', 'shared', 'resizable', 'tracking', 'wasm'] as const;

/** An array with these values, in memory of this kind. */
export function arrayIn(home: (typeof homes)[number], values: Float32Array): Float32Array {
  const bytes = 4 * values.length;
  const over = (buffer: ArrayBufferLike, offset = 0) => {
    const array = new Float32Array(buffer, offset, values.length);
    array.set(values);
    return array;
  };
  switch (home) {
    case 'own':
      return values.slice();
    case 'view':
      return over(new ArrayBuffer(bytes + 20), 12);
    case 'shared':
      return over(new SharedArrayBuffer(bytes + 8), 4);
    case 'resizable':
      return over(resizableBuffer(bytes));
    case 'tracking': {
      const array = new Float32Array(resizableBuffer(bytes));
      array.set(values);
      return array;
    }
    case 'wasm':
      return over(new WebAssembly.Memory({ initial: 2 }).buffer, 8);
  }
}

/** The bits of an array, which nothing that compares numbers can hide. */
export function bitsOf(array: Float32Array): string {
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString('base64');
}
