/** Figure 3 in the paper's length. */
import { heatMapExperiment } from './heat-map-experiment.js';
import { methods } from './methods.js';

export default heatMapExperiment({
  name: 'figure-3-long',
  steps: 10_000,
  rows: methods,
  quickValues: [0.1, 0.15],
});
