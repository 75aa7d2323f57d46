import { createReadStream } from 'node:fs';

/** Bytes read at a time: a line of GloVe's largest file has 2,600. */
const pieceBytes = 2 ** 20;

const newline = 0x0a;
const carriageReturn = 0x0d;

function withoutCarriageReturn(line: Buffer): Buffer {
  return line.at(-1) === carriageReturn ? line.subarray(0, -1) : line;
}

/**
 * The lines of a file of any size, as bytes, without what ends them (`\n` or `\r\n`). node:readline
 * would also end a line at U+2028 and U+2029, which are parts of words in GloVe's files.
 */
export async function* readLines(path: string): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  const pieces = createReadStream(path, { highWaterMark: pieceBytes }) as AsyncIterable<Buffer>;
  for await (const piece of pieces) {
    const text = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    let start = 0;
    for (let end; (end = text.indexOf(newline, start)) !== -1; start = end + 1) {
      yield withoutCarriageReturn(text.subarray(start, end));
    }
    rest = text.subarray(start);
  }
  if (rest.length > 0) {
    yield withoutCarriageReturn(rest);
  }
}
