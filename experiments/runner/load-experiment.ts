import { loadQuietly } from '../../lib/platform/tensorflow-messages.js';
import type { Experiment } from './experiment.js';

/**
 * The experiment that is a module's default export. The environment has to be prepared: the module
 * may import TensorFlow, whose start-up messages then stay off the terminal.
 */
export async function loadExperiment(module: string): Promise<Experiment> {
  const { default: experiment } = await loadQuietly(
    () => import(module) as Promise<{ default: Experiment }>,
  );
  return experiment;
}
