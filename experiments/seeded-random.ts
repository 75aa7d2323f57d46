/** Random numbers that are the same on every machine: mulberry32. */
export class SeededRandom {
  #state: number;

  /** A seed, or the `state` of another generator, which this one then continues. */
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** All that the next numbers depend on. */
  get state(): number {
    return this.#state;
  }

  /** Uniform, 0 <= value < 1. */
  uniform(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number, 0 <= value < limit. */
  below(limit: number): number {
    return Math.floor(this.uniform() * limit);
  }

  /** Standard normal (Box-Muller). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
  }

  normals(length: number): Float32Array {
    return Float32Array.from({ length }, () => this.normal());
  }
}
