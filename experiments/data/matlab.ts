import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream';
import { createInflate } from 'node:zlib';

/** Data types of MATLAB's format, level 5, by their numbers. */
const dataTypes = {
  int8: 1,
  uint8: 2,
  int32: 5,
  uint32: 6,
  double: 9,
  matrix: 14,
  compressed: 15,
} as const;

/** Types in which numbers are stored; a type other than the variable's own saves room in a file. */
const numberReaders: Readonly<
  Record<number, { readonly bytes: number; readonly read: (view: DataView, at: number) => number }>
> = {
  1: { bytes: 1, read: (view, at) => view.getInt8(at) },
  2: { bytes: 1, read: (view, at) => view.getUint8(at) },
  3: { bytes: 2, read: (view, at) => view.getInt16(at, true) },
  4: { bytes: 2, read: (view, at) => view.getUint16(at, true) },
  5: { bytes: 4, read: (view, at) => view.getInt32(at, true) },
  6: { bytes: 4, read: (view, at) => view.getUint32(at, true) },
  7: { bytes: 4, read: (view, at) => view.getFloat32(at, true) },
  9: { bytes: 8, read: (view, at) => view.getFloat64(at, true) },
};

const headerBytes = 128;
/** Classes of arrays of numbers: double, single, and the integers of 8 to 64 bits. */
const numericClasses = { first: 6, last: 15 };

/** A file is not what MATLAB's format, level 5, promises. */
export class MatlabFormatError extends Error {
  override readonly name = 'MatlabFormatError';
}

/** Reads a stream by number of bytes. */
class ByteReader {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(stream: Readable) {
    this.#chunks = (stream as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  }

  /** The next bytes as they come, in all `length`. */
  async *pieces(length: number): AsyncGenerator<Buffer> {
    let left = length;
    while (left > 0) {
      if (this.#rest.length === 0) {
        const next = (await this.#chunks.next()) as IteratorResult<Buffer, undefined>;
        if (next.done === true) {
          throw new MatlabFormatError(`${left} bytes are missing at its end.`);
        }
        this.#rest = next.value;
      }
      const piece = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(piece.length);
      left -= piece.length;
      yield piece;
    }
  }

  async bytes(length: number): Promise<Buffer> {
    const all = Buffer.alloc(length);
    let filled = 0;
    for await (const piece of this.pieces(length)) {
      filled += piece.copy(all, filled);
    }
    return all;
  }

  /** The type and the length of the next data element, and its data where they are in the tag. */
  async tag(): Promise<{ type: number; length: number; small: Buffer | null }> {
    const tag = await this.bytes(8);
    const smallLength = tag.readUInt16LE(2);
    return smallLength === 0
      ? { type: tag.readUInt32LE(0), length: tag.readUInt32LE(4), small: null }
      : { type: tag.readUInt16LE(0), length: smallLength, small: tag.subarray(4, 4 + smallLength) };
  }

  /** A data element that is short enough to be read as a whole. */
  async element(): Promise<{ type: number; data: Buffer }> {
    const { type, length, small } = await this.tag();
    if (small !== null) {
      return { type, data: small };
    }
    if (length > 2 ** 16) {
      throw new MatlabFormatError(`a header has an element of ${length} bytes.`);
    }
    const data = await this.bytes(length);
    await this.bytes((8 - (length % 8)) % 8);
    return { type, data };
  }
}

/** A variable of a file: an array of real numbers. */
export interface MatlabVariable {
  readonly name: string;
  readonly dimensions: readonly number[];
  /**
   * The values, column-major, one after the other. Either this or `bytes` may be called, once and
   * before the next variable.
   */
  numbers(): Promise<Float64Array>;
  /** The values of an array that is stored as unsigned bytes, in pieces. */
  bytes(): AsyncGenerator<Uint8Array>;
}

async function readVariable(reader: ByteReader): Promise<MatlabVariable | null> {
  const matrix = await reader.tag();
  if (matrix.type !== dataTypes.matrix) {
    throw new MatlabFormatError(`an element has type ${matrix.type}, not ${dataTypes.matrix}.`);
  }
  const flags = await reader.element();
  const numericClass = flags.data[0] ?? 0;
  const isComplex = ((flags.data[1] ?? 0) & 0x08) !== 0;
  const dimensions = await reader.element();
  const name = await reader.element();
  if (
    flags.type !== dataTypes.uint32 ||
    dimensions.type !== dataTypes.int32 ||
    name.type !== dataTypes.int8
  ) {
    throw new MatlabFormatError('an array has no flags, dimensions and name at its beginning.');
  }
  if (numericClass < numericClasses.first || numericClass > numericClasses.last || isComplex) {
    return null;
  }
  const values = await reader.tag();
  const text = name.data.toString('latin1');
  const sizes = Array.from({ length: dimensions.data.length / 4 }, (_, dimension) =>
    dimensions.data.readInt32LE(4 * dimension),
  );
  const count = sizes.reduce((product, size) => product * size, 1);
  const storage = numberReaders[values.type];
  if (storage === undefined || values.length !== count * storage.bytes) {
    throw new MatlabFormatError(
      `${text} has ${values.length} bytes of type ${values.type} for ${sizes.join(' x ')} values.`,
    );
  }
  return {
    name: text,
    dimensions: sizes,
    async numbers() {
      const data = values.small ?? (await reader.bytes(values.length));
      const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
      return Float64Array.from({ length: count }, (_, i) => storage.read(view, i * storage.bytes));
    },
    async *bytes() {
      if (values.type !== dataTypes.uint8) {
        throw new MatlabFormatError(`${text} is not stored as unsigned bytes.`);
      }
      if (values.small === null) {
        yield* reader.pieces(values.length);
      } else {
        yield values.small;
      }
    },
  };
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  if (bytesRead < length) {
    throw new MatlabFormatError(`it ends in the middle of a header, after ${position} bytes.`);
  }
  return buffer;
}

/**
 * The arrays of real numbers in a file of MATLAB's format, level 5 (what `save` writes without
 * `-v7.3`), little-endian, compressed or not. A variable's values are read as they are asked for: no
 * more than some pieces of the file, of 64 KB, are in memory. Other variables are skipped.
 *
 * Written here because the one npm package that reads this format, mat-for-js 1.1.0, is under the GPL
 * and makes a list of JavaScript numbers of the whole file: 2.7 GB for the 80 million values of SVHN's
 * test file, where the extra file has 1,632 million.
 * @throws MatlabFormatError where the file is damaged or truncated, or of another format.
 * @see https://www.mathworks.com/help/pdf_doc/matlab/matfile_format.pdf
 */
export async function* readMatlabFile(path: string): AsyncGenerator<MatlabVariable> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const header = await readAt(file, 0, headerBytes);
    const isLevel5 = header.readUInt16LE(124) === 0x0100 && header.toString('latin1', 126) === 'IM';
    if (!isLevel5) {
      throw new MatlabFormatError('it has no header of a little-endian file of level 5.');
    }
    for (let position = headerBytes; position < size;) {
      const tag = await readAt(file, position, 8);
      const type = tag.readUInt32LE(0);
      const length = tag.readUInt32LE(4);
      const isCompressed = type === dataTypes.compressed;
      const start = isCompressed ? position + 8 : position;
      const end = position + 8 + length;
      if (end > size) {
        throw new MatlabFormatError(
          `${end - size} of its ${end} bytes, or more, are missing at its end.`,
        );
      }
      const stream = createReadStream(path, { start, end: end - 1 });
      // Errors reach the reader through the inflating stream, which they destroy.
      const data = isCompressed ? pipeline(stream, createInflate(), () => undefined) : stream;
      try {
        const variable = await readVariable(new ByteReader(data));
        if (variable !== null) {
          yield variable;
        }
      } finally {
        data.destroy();
      }
      position = end;
    }
  } finally {
    await file.close();
  }
}
