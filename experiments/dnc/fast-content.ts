/** Content addressing of the fast form: one key against the slots of one memory. */
import { epsilon } from './addressing.js';

/** The length of a vector as the published code has it: never 0. */
export function lengthOf(values: Float64Array, start: number, count: number): number {
  let sum = epsilon;
  for (let i = start; i < start + count; i++) {
    sum += values[i]! * values[i]!;
  }
  return Math.sqrt(sum);
}

/** One key, the memory that it is compared with, and where in the arrays they lie. */
export interface ContentQuery {
  readonly slots: number;
  readonly wordSize: number;
  readonly memory: Float64Array;
  readonly memoryStart: number;
  /** Lengths of the slots. */
  readonly lengths: Float64Array;
  readonly lengthsStart: number;
  readonly keys: Float64Array;
  readonly keyStart: number;
  /** After the softplus. */
  readonly strength: number;
  /** Where similarities and weights of this query start. */
  readonly start: number;
  readonly similarities: Float64Array;
  readonly weights: Float64Array;
}

/** Writes the query's similarities and weights. */
export function addressByContent(query: ContentQuery): void {
  const { slots, wordSize, memory, keys, keyStart, strength, start, similarities, weights } = query;
  const keyLength = lengthOf(keys, keyStart, wordSize);
  let largest = -Infinity;
  for (let slot = 0; slot < slots; slot++) {
    const slotStart = query.memoryStart + slot * wordSize;
    let product = 0;
    for (let i = 0; i < wordSize; i++) {
      product += memory[slotStart + i]! * keys[keyStart + i]!;
    }
    const length = query.lengths[query.lengthsStart + slot]!;
    const similarity = product / (keyLength * length + epsilon);
    similarities[start + slot] = similarity;
    largest = Math.max(largest, strength * similarity);
  }
  let total = 0;
  for (let slot = 0; slot < slots; slot++) {
    const share = Math.exp(strength * similarities[start + slot]! - largest);
    weights[start + slot] = share;
    total += share;
  }
  for (let slot = 0; slot < slots; slot++) {
    weights[start + slot]! /= total;
  }
}

/**
 * Takes the gradient by the query's weights back to memory, key and strength.
 *
 * @param weightGradients One for each slot.
 * @param memoryGradients Added to, at the places of the memory.
 * @param keyGradients Written, at the place of the key.
 * @returns The gradient by the strength after the softplus.
 */
export function contentGradients(
  query: ContentQuery,
  weightGradients: Float64Array,
  memoryGradients: Float64Array,
  keyGradients: Float64Array,
): number {
  const { slots, wordSize, memory, keys, keyStart, strength, start, similarities, weights } = query;
  const keyLength = lengthOf(keys, keyStart, wordSize);
  let mean = 0;
  for (let slot = 0; slot < slots; slot++) {
    mean += weights[start + slot]! * weightGradients[slot]!;
  }
  keyGradients.fill(0, keyStart, keyStart + wordSize);
  let strengthGradient = 0;
  let keyLengthGradient = 0;
  for (let slot = 0; slot < slots; slot++) {
    const similarity = similarities[start + slot]!;
    const inner = weights[start + slot]! * (weightGradients[slot]! - mean);
    strengthGradient += inner * similarity;
    const length = query.lengths[query.lengthsStart + slot]!;
    const productGradient = (strength * inner) / (keyLength * length + epsilon);
    const lengthsGradient = -productGradient * similarity;
    keyLengthGradient += lengthsGradient * length;
    const alongSlot = (lengthsGradient * keyLength) / length;
    const slotStart = query.memoryStart + slot * wordSize;
    for (let i = 0; i < wordSize; i++) {
      const value = memory[slotStart + i]!;
      memoryGradients[slotStart + i]! += productGradient * keys[keyStart + i]! + alongSlot * value;
      keyGradients[keyStart + i]! += productGradient * value;
    }
  }
  const alongKey = keyLengthGradient / keyLength;
  for (let i = keyStart; i < keyStart + wordSize; i++) {
    keyGradients[i]! += alongKey * keys[i]!;
  }
  return strengthGradient;
}
