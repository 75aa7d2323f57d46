/** An ArrayBuffer that can be resized, which the types of ES2023 do not know. */
export interface ResizableBuffer extends ArrayBuffer {
  resize(bytes: number): void;
}

/** Makes one, of up to twice its length. */
export function resizableBuffer(bytes: number): ResizableBuffer {
  const Class = ArrayBuffer as unknown as new (
    bytes: number,
    options: { maxByteLength: number },
  ) => ResizableBuffer;
  return new Class(bytes, { maxByteLength: 2 * bytes });
}
