import { Command } from 'commander';
import { ensureTensorFlowRuntime } from '../lib/platform/tensorflow-runtime.js';
import { consoleProgress } from './progress.js';

interface TensorFlowCommandOptions {
  readonly gpu: boolean;
  readonly force: boolean;
  readonly ifMissing: boolean;
}

/** Turns Ctrl-C and a polite kill into an abort, so that children end and staging is removed. */
function abortOnSignals(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => {
      controller.abort(new Error(`Ended by ${name}; no half-made runtime was left.`));
    });
  }
  return controller.signal;
}

async function run({ gpu, force, ifMissing }: TensorFlowCommandOptions): Promise<void> {
  const runtime = await ensureTensorFlowRuntime({
    gpu,
    force,
    progress: consoleProgress(),
    signal: abortOnSignals(),
  });
  if (ifMissing && !runtime.installed) {
    return;
  }
  const { name, version } = runtime.package;
  const device = runtime.usesGpu ? 'GPU' : 'CPU';
  console.log(
    `${name} ${version} works: TensorFlow ${runtime.tensorFlowVersion} on the ${device}` +
      (runtime.installed ? '.' : ', already installed.'),
  );
}

/** `tfjs-alig tensorflow`: the TensorFlow runtime of tfjs-node, made if it does not work. */
export function tensorFlowCommand(): Command {
  return new Command('tensorflow')
    .description('make sure that @tensorflow/tfjs-node has a TensorFlow runtime that works')
    .option('--gpu', 'serve @tensorflow/tfjs-node-gpu', false)
    .option('--force', 'rebuild the runtime even if it works', false)
    .option('--if-missing', 'print nothing if a working runtime is there', false)
    .action(run);
}
