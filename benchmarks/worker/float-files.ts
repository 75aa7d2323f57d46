/** Float32 values in files, in host order: what contenders are given and what they have computed. */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';

/** A call of the system moves less than 2 GiB. */
const bytesAtATime = 2 ** 28;

function transfer(
  { buffer, byteOffset, byteLength }: Float32Array,
  move: (bytes: Uint8Array) => number,
): void {
  for (let done = 0; done < byteLength;) {
    const size = Math.min(bytesAtATime, byteLength - done);
    const moved = move(new Uint8Array(buffer, byteOffset + done, size));
    if (moved === 0) throw new Error('a file of float32 is too short');
    done += moved;
  }
}

/** Writes arrays one after the other. */
export function writeArrays(file: string, arrays: Iterable<Float32Array>): void {
  const target = openSync(file, 'w');
  try {
    for (const array of arrays) transfer(array, (bytes) => writeSync(target, bytes));
  } finally {
    closeSync(target);
  }
}

/** Reads so many lists of arrays of these sizes. */
export function readArrays(
  file: string,
  sizes: readonly number[],
  lists: number,
): Float32Array[][] {
  const source = openSync(file, 'r');
  try {
    return Array.from({ length: lists }, () =>
      sizes.map((size) => {
        const array = new Float32Array(size);
        transfer(array, (bytes) => readSync(source, bytes));
        return array;
      }),
    );
  } finally {
    closeSync(source);
  }
}
