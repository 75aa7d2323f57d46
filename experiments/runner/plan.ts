import { prepareTensorFlowEnvironment } from './environment.js';
import { gridById, shardOf } from './experiment.js';
import { loadExperiment } from './load-experiment.js';
import type { ExperimentOptions } from './run-experiment.js';

const number = new Intl.NumberFormat('en-US');

/** Says which runs an experiment would make, and makes none. Where a folder is named, its data are checked. */
export async function printPlan(
  options: Pick<ExperimentOptions, 'module' | 'quick' | 'preset' | 'dataFolder' | 'shard'>,
): Promise<void> {
  const { module, quick, preset, dataFolder, shard } = options;
  // For the module, which may import TensorFlow.
  prepareTensorFlowEnvironment();
  const experiment = await loadExperiment(module.href);
  const grid = gridById(experiment, quick, preset);
  const runs = shard === undefined ? grid : shardOf(grid, shard);
  if (dataFolder !== null) {
    await experiment.checkData?.([...runs.values()], { dataFolder });
  }
  let total = 0;
  for (const [id, { steps }] of runs) {
    console.log(`${id}: ${number.format(steps)} steps`);
    total += steps;
  }
  const further =
    experiment.followUp === undefined ? '' : ', and those that follow from their results';
  console.log(`${number.format(runs.size)} runs, ${number.format(total)} steps${further}.`);
}
