/** All properties that are fuzzed, and how many cases of each take about a second. */
import { damagedFiles } from './damaged-files.js';
import type { FuzzedProperty } from './fuzzed-property.js';
import { hostSteps } from './host-steps.js';
import { lifeCycles } from './life-cycles.js';
import { options, savedConfigurations } from './options.js';

const ofCalls = [
  { title: 'steps over arrays of any kind', property: hostSteps, rate: 500 },
  { title: 'options of any value', property: options, rate: 500 },
  { title: 'saved configurations with a damaged field', property: savedConfigurations, rate: 500 },
  { title: 'lives of optimisers', property: lifeCycles, rate: 60 },
] as readonly FuzzedProperty[];

/** @param folder For files, which the caller makes and removes. */
export function properties(folder: string): FuzzedProperty[] {
  return [...ofCalls, ...damagedFiles(folder)];
}
