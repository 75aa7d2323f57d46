#!/usr/bin/env node
import { program } from 'commander';
import { packageVersion } from '../platform/version.js';
import { buildCommand } from './build.js';
import { doctorCommand } from './doctor.js';
import { experimentCommand } from './experiment.js';
import { sealCommand } from './seal.js';
import { tensorFlowCommand } from './tensorflow.js';
import { trainCommand } from './train.js';

program
  .name('tfjs-alig')
  .description('The ALI-G optimiser for TensorFlow.js: its runtime, its add-on, its experiments.')
  .version(packageVersion)
  .addCommand(tensorFlowCommand())
  .addCommand(doctorCommand())
  .addCommand(buildCommand())
  .addCommand(trainCommand())
  .addCommand(experimentCommand())
  .addCommand(sealCommand());

try {
  await program.parseAsync();
} catch (error) {
  // A user needs the sentence; who looks for a defect in this package sets DEBUG for the stack.
  const text = error instanceof Error ? error.message : String(error);
  console.error(process.env.DEBUG ? error : `Error: ${text}`);
  process.exitCode = 1;
}
