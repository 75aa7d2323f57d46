/** ALI-G's row of Figure 3 in the paper's length, for the rates for which it says that ALI-G is accurate. */
import { heatMapExperiment } from './heat-map-experiment.js';
import { methods } from './methods.js';

/** From 10^-1 to 10^6. */
function isInTheClaim(value: number | null): boolean {
  return value !== null && value >= 1e-1 && value <= 1e6;
}

export default heatMapExperiment({
  name: 'figure-3-long',
  steps: 10_000,
  rows: methods
    .filter(({ name }) => name === 'alig')
    .map((method) => ({ ...method, values: method.values.filter(isInTheClaim) })),
  quickValues: [1],
});
