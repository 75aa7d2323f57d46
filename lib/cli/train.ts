import { Command } from 'commander';

import { dncCommand } from './train-dnc.js';
import { mnistCommand } from './train-mnist.js';

/** `tfjs-alig train`: the paper's experiments, which need more packages than the optimiser. */
export function trainCommand(): Command {
  return new Command('train')
    .description('Train a network with ALI-G on a known data set.')
    .addCommand(mnistCommand())
    .addCommand(dncCommand());
}
