/**
 * Figure 3 of the paper: the final objective of a differentiable neural computer on repeat copy, by
 * method and hyper-parameter. The paper's runs have 10,000 steps, as those of `long-runs.ts`; these
 * have 2,000.
 */
import { methods } from './methods.js';
import { heatMapExperiment } from './heat-map-experiment.js';

export default heatMapExperiment({
  name: 'figure-3',
  steps: 2000,
  rows: methods,
  quickValues: [0.1, 0.15],
});
