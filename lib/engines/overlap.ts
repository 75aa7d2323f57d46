/**
 * The places of two arrays of one buffer that share memory, or null: all that can be known without the
 * add-on, to which a buffer has an address. Null among the arrays: none.
 */
export function overlapInBuffers(
  arrays: readonly (Float32Array | null)[],
): [number, number] | null {
  const byBuffer = new Map<ArrayBufferLike, number[]>();
  arrays.forEach((array, place) => {
    if (!array?.length) return;
    const { buffer } = array;
    const others = byBuffer.get(buffer);
    if (others) others.push(place);
    else byBuffer.set(buffer, [place]);
  });
  for (const places of byBuffer.values()) {
    places.sort((a, b) => arrays[a]!.byteOffset - arrays[b]!.byteOffset);
    for (const [i, later] of places.entries()) {
      const earlier = places[i - 1];
      if (earlier === undefined) continue;
      const { byteOffset, byteLength } = arrays[earlier]!;
      if (byteOffset + byteLength > arrays[later]!.byteOffset) return [earlier, later];
    }
  }
  return null;
}
