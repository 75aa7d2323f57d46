import { setImmediate } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';

import { readCheckpoint, writeCheckpoint, type Checkpoint } from './checkpoint.js';
import type { Experiment, Run, RunContext, RunHeader, RunSpecification } from './experiment.js';
import { FileError, type RunPaths } from './files.js';
import { ResumableLog } from './resumable-log.js';

/** One run that is to be made or completed. */
export interface RunJob {
  readonly experiment: Experiment;
  readonly specification: RunSpecification;
  readonly context: RunContext;
  readonly paths: RunPaths;
  /** The header of its log, but for the engine, which only a step tells. */
  readonly header: Omit<RunHeader, 'engine'>;
  /** Seconds from one checkpoint to the next; more where one takes long. */
  readonly checkpointSeconds: number;
  /** Is told the number of steps that have been made. */
  readonly onProgress: (step: number) => void;
  /** When it is aborted, the run ends after its current step, with a checkpoint. */
  readonly signal: AbortSignal;
}

/** Refuses to go on where the next steps would not be those of the process that was killed. */
function checkSameEnvironment(begun: RunHeader, now: RunJob['header'], paths: RunPaths): void {
  const shown = ({ versions, environment }: RunJob['header']) =>
    JSON.stringify({ ...versions, ...environment });
  if (!isDeepStrictEqual(begun.configuration, now.configuration)) {
    throw new FileError(
      `${paths.partialLog} was begun with another configuration. Choose another output folder, ` +
        `or delete ${paths.checkpoint} to begin the run again.`,
    );
  }
  if (
    !isDeepStrictEqual(begun.versions, now.versions) ||
    !isDeepStrictEqual(begun.environment, now.environment)
  ) {
    throw new FileError(
      `${paths.partialLog} was begun with ${shown(begun)} and cannot go on bit for bit with ` +
        `${shown(now)}. Delete ${paths.checkpoint} to begin the run again.`,
    );
  }
}

/** The log of a new run, or of one that goes on from its checkpoint. */
async function openLog(
  run: Run,
  checkpoint: Checkpoint | null,
  { paths, header }: RunJob,
): Promise<{ log: ResumableLog; begun: RunHeader | null }> {
  if (checkpoint === null) {
    return { log: ResumableLog.begin(paths), begun: null };
  }
  const { log, header: begun } = ResumableLog.resume(paths, checkpoint);
  try {
    checkSameEnvironment(begun, header, paths);
    await run.restore(checkpoint.state);
    if (begun.commit !== header.commit) {
      log.write({ type: 'resume', step: checkpoint.step, commit: header.commit });
    }
  } catch (error) {
    log.close();
    throw error;
  }
  return { log, begun };
}

/**
 * Makes a run, from its checkpoint if there is one, and returns whether it is finished (it is not
 * when the signal was aborted). A process that is killed at any moment, and then another one that
 * makes the same run, write the same steps as one process alone.
 */
export async function executeRun(job: RunJob): Promise<boolean> {
  const { experiment, specification, context, paths, header, signal } = job;
  const checkpoint = readCheckpoint(paths.checkpoint);
  const run = await experiment.start(specification, context);
  try {
    const opened = await openLog(run, checkpoint, job);
    const { log } = opened;
    let { begun } = opened;
    try {
      let step = checkpoint?.step ?? 0;
      const secondsBefore = checkpoint?.seconds ?? 0;
      const start = performance.now();
      const secondsNow = () => secondsBefore + (performance.now() - start) / 1000;
      let lastCheckpoint = start;
      let interval = 1000 * job.checkpointSeconds;
      let reason: string | null = null;
      while (reason === null) {
        const { record, engine, end } = await run.step();
        step += 1;
        begun ??= { ...header, engine };
        if (engine !== begun.engine) {
          throw new Error(
            `Step ${step} was carried out by the engine ${String(engine)}, the steps before by ` +
              `${String(begun.engine)}.`,
          );
        }
        if (step === 1) {
          log.write(begun);
        }
        if (record !== null) {
          log.write({ ...record, type: 'step', step, seconds: Number(secondsNow().toFixed(6)) });
        }
        job.onProgress(step);
        reason = end ?? (step >= specification.steps ? 'finished' : null);
        const due = performance.now() - lastCheckpoint >= interval;
        if (reason === null && (due || signal.aborted)) {
          const begin = performance.now();
          const seconds = secondsNow();
          writeCheckpoint(paths.checkpoint, {
            step,
            seconds,
            ...log.sync(),
            state: await run.save(),
          });
          lastCheckpoint = performance.now();
          // That of a large network takes seconds: not more than 1 / 30 of the time is spent on them.
          interval = job.checkpointSeconds * (1000 + lastCheckpoint - begin);
        }
        if (reason === null && signal.aborted) {
          return false;
        }
        // Steps may be synchronous; without this, messages would be seen only at the end.
        await setImmediate();
      }
      const seconds = Number(secondsNow().toFixed(6));
      log.write({ type: 'end', steps: step, reason, seconds });
      log.finish();
      return true;
    } finally {
      log.close();
    }
  } finally {
    run.dispose?.();
  }
}
