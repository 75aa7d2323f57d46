#!/usr/bin/env node
import { Command, program } from 'commander';
import { packageVersion } from '../lib/platform/version.js';
import { endWithReader } from './broken-pipe.js';
import { buildCommand } from './build.js';
import { doctorCommand } from './doctor.js';
import { mnistPackages, missingPackages, requirePackages } from './experiment-packages.js';
import { experimentCommand } from './experiment.js';
import { sealCommand } from './seal.js';
import { tensorFlowCommand } from './tensorflow.js';

/**
 * `tfjs-alig train`, whose options are those of all optimisers: TensorFlow.js is loaded only where it
 * is called, so that the other commands work without it.
 */
async function trainCommand(): Promise<Command> {
  const command = new Command('train').description(
    'Train a network with ALI-G on a known data set.',
  );
  if (!process.argv.slice(2, 4).includes('train')) return command;
  const core = '@tensorflow/tfjs-core';
  if (missingPackages([core]).length > 0) requirePackages(command, [core, ...mnistPackages]);
  return (await import('./train.js')).withTrainings(command);
}

endWithReader();

program
  .name('tfjs-alig')
  .description('The ALI-G optimiser for TensorFlow.js: its runtime, its add-on, its experiments.')
  .version(packageVersion)
  .addCommand(tensorFlowCommand())
  .addCommand(doctorCommand())
  .addCommand(buildCommand())
  .addCommand(await trainCommand())
  .addCommand(experimentCommand())
  .addCommand(sealCommand());

try {
  await program.parseAsync();
} catch (error) {
  // As commander says it. A user needs the sentence; who looks for a defect in this package sets DEBUG for the stack.
  const text = error instanceof Error ? error.message : String(error);
  console.error(process.env.DEBUG ? error : `error: ${text}`);
  process.exitCode = 1;
}
