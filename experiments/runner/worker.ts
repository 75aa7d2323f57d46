/** A process that makes the runs that it is told to, one after another. */
import { existsSync } from 'node:fs';

import { exclusively, type Lock } from '../../lib/platform/exclusive.js';
import { FileError } from '../../lib/platform/file-error.js';
// An experiment may use tfjs-node and nothing else of the package.
import '../../lib/platform/util-functions.js';
import { describeEnvironment, loadTensorFlow, type RunEnvironment } from './environment.js';
import { executeRun } from './execute-run.js';
import type { Experiment, RunSpecification } from './experiment.js';
import { runPaths } from './files.js';
import { loadExperiment } from './load-experiment.js';
import type { WorkerCommand, WorkerMessage, WorkerSetup } from './messages.js';

const millisecondsBetweenMessages = 100;

interface Session {
  readonly setup: WorkerSetup;
  readonly experiment: Experiment;
  readonly environment: RunEnvironment;
}

const stopping = new AbortController();
let session: Promise<Session> | undefined;

function send(message: WorkerMessage): void {
  process.send?.(message);
}

async function begin(setup: WorkerSetup): Promise<Session> {
  if (setup.needsTensorFlow) await loadTensorFlow();
  const experiment = await loadExperiment(setup.module);
  return {
    setup,
    experiment,
    environment: await describeEnvironment({ withTensorFlow: setup.needsTensorFlow }),
  };
}

async function makeRun(
  { setup, experiment, environment }: Session,
  id: string,
  specification: RunSpecification,
): Promise<boolean> {
  const paths = runPaths(setup.outputFolder, id);
  let lastMessage = 0;
  const run = async (lock: Lock) =>
    // Another command may have made it meanwhile.
    existsSync(paths.log) ||
    executeRun({
      experiment,
      specification,
      context: { dataFolder: setup.dataFolder },
      paths,
      lock,
      header: {
        type: 'run',
        experiment: experiment.name,
        configuration: specification,
        commit: setup.commit,
        command: setup.command,
        ...environment,
      },
      checkpointSeconds: setup.checkpointSeconds,
      signal: stopping.signal,
      onProgress: (step) => {
        const now = performance.now();
        // Of the last step the end tells, so that no run is shown as done before it is finished.
        const isDue = now - lastMessage >= millisecondsBetweenMessages;
        if (isDue && step < specification.steps) {
          lastMessage = now;
          send({ type: 'progress', step });
        }
      },
    });
  // The worker of a leading process that was killed may still be in its last step.
  return exclusively(paths.lock, run, { onWait: () => undefined, signal: stopping.signal });
}

async function runAndTell(id: string, specification: RunSpecification): Promise<void> {
  try {
    const finished = session !== undefined && (await makeRun(await session, id, specification));
    send({ type: finished ? 'finished' : 'stopped' });
  } catch (error) {
    const concernsAll = error instanceof FileError && error.concernsAll;
    const detail = error instanceof FileError ? error.message : (error as Error).stack;
    const kept = concernsAll
      ? ' What is finished is kept, and runs go on from their last checkpoint.'
      : '';
    send({ type: 'failed', message: `${detail ?? String(error)}${kept}`, concernsAll });
  }
}

process.on('message', (command: WorkerCommand) => {
  switch (command.type) {
    case 'setup':
      session = begin(command);
      // Told with the first run, which needs it.
      session.catch(() => undefined);
      break;
    case 'run':
      void runAndTell(command.id, command.specification);
      break;
    case 'stop':
      stopping.abort();
      break;
  }
});
// Nobody is left who would start what comes next, or knows of this run.
process.on('disconnect', () => process.exit());
// Ctrl-C reaches all processes of a terminal; the leading one tells the others to stop.
process.on('SIGINT', () => undefined);
