/** All properties that are fuzzed, and how many cases of each take about a second. */
import type fc from 'fast-check';
import { hostSteps } from './host-steps.js';
import { lifeCycles } from './life-cycles.js';
import { options, savedConfigurations } from './options.js';

export interface FuzzedProperty {
  readonly title: string;
  readonly property: fc.IRawProperty<unknown>;
  /** Cases in a second, about. */
  readonly rate: number;
}

export const properties: readonly FuzzedProperty[] = [
  { title: 'steps over arrays of any kind', property: hostSteps, rate: 500 },
  { title: 'options of any value', property: options, rate: 500 },
  { title: 'saved configurations with a damaged field', property: savedConfigurations, rate: 500 },
  { title: 'lives of optimisers', property: lifeCycles, rate: 60 },
] as readonly FuzzedProperty[];
