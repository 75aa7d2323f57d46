import type { Command } from 'commander';

import { dncCommand } from './train-dnc.js';
import { mnistCommand } from './train-mnist.js';

/** `tfjs-alig train` with the paper's experiments, which need more packages than the optimiser. */
export function withTrainings(train: Command): Command {
  return train.addCommand(mnistCommand()).addCommand(dncCommand());
}
