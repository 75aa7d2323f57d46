/** The interface's activations. */
import type { InterfaceLayer } from '../parameters.js';
import { modeCount, type MemoryFrame, type MemoryStep } from './frame.js';

/** 1 / (1 + e^-x) */
export function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** log(1 + e^x) without overflow. */
function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

export function activate(
  frame: MemoryFrame,
  element: number,
  raw: Float32Array,
  { interface: activated }: MemoryStep,
): void {
  const { starts, width } = frame.layout;
  const { wordSize, readHeads } = frame.sizes;
  const base = element * width;
  for (let i = base; i < base + width; i++) {
    activated[i] = raw[i]!;
  }
  const apply = (layer: InterfaceLayer, count: number, activation: (x: number) => number) => {
    const start = base + starts[layer];
    for (let i = start; i < start + count; i++) {
      activated[i] = activation(activated[i]!);
    }
  };
  apply('erase_vectors', wordSize, sigmoid);
  apply('free_gate', readHeads, sigmoid);
  apply('allocation_gate', 1, sigmoid);
  apply('write_gate', 1, sigmoid);
  apply('write_strengths', 1, softplus);
  apply('read_strengths', readHeads, softplus);
  for (let head = 0; head < readHeads; head++) {
    const start = base + starts.read_mode + head * modeCount;
    const largest = Math.max(activated[start]!, activated[start + 1]!, activated[start + 2]!);
    let total = 0;
    for (let i = start; i < start + modeCount; i++) {
      const share = Math.exp(activated[i]! - largest);
      activated[i] = share;
      total += share;
    }
    for (let i = start; i < start + modeCount; i++) {
      activated[i]! /= total;
    }
  }
}

/** From gradients by the activated interface to those by the raw one, in place. */
export function activateBack(
  frame: MemoryFrame,
  element: number,
  { interface: activated }: MemoryStep,
  byRaw: Float64Array,
): void {
  const { starts, width } = frame.layout;
  const { wordSize, readHeads } = frame.sizes;
  const base = element * width;
  const apply = (layer: InterfaceLayer, count: number, slope: (y: number) => number) => {
    const start = base + starts[layer];
    for (let i = start; i < start + count; i++) {
      byRaw[i]! *= slope(activated[i]!);
    }
  };
  const sigmoidSlope = (y: number) => y * (1 - y);
  const softplusSlope = (y: number) => -Math.expm1(-y);
  apply('erase_vectors', wordSize, sigmoidSlope);
  apply('free_gate', readHeads, sigmoidSlope);
  apply('allocation_gate', 1, sigmoidSlope);
  apply('write_gate', 1, sigmoidSlope);
  apply('write_strengths', 1, softplusSlope);
  apply('read_strengths', readHeads, softplusSlope);
  for (let head = 0; head < readHeads; head++) {
    const start = base + starts.read_mode + head * modeCount;
    let mean = 0;
    for (let i = start; i < start + modeCount; i++) {
      mean += activated[i]! * byRaw[i]!;
    }
    for (let i = start; i < start + modeCount; i++) {
      byRaw[i] = activated[i]! * (byRaw[i]! - mean);
    }
  }
}
