/** 10^first to 10^last. */
export function powersOfTen(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => Number(`1e${first + index}`));
}
