/** The numbers in memory that threads share, so that a thread has no copy of its own. */
export function shared<Values extends Uint8Array | Int32Array | Uint32Array>(
  values: Values,
): Values {
  if (values.buffer instanceof SharedArrayBuffer) {
    return values;
  }
  const Type = values.constructor as new (memory: SharedArrayBuffer) => Values;
  const copy = new Type(new SharedArrayBuffer(values.byteLength));
  copy.set(values);
  return copy;
}
