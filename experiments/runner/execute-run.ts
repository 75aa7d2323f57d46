import { setImmediate } from 'node:timers/promises';

import type { Lock } from '../../lib/platform/exclusive.js';
import {
  CheckpointSchedule,
  readCheckpoint,
  writeCheckpoint,
  type Checkpoint,
} from './checkpoint.js';
import type { Experiment, Run, RunContext, RunHeader, RunSpecification } from './experiment.js';
import type { RunPaths } from './files.js';
import { checkSameEnvironment } from './same-environment.js';
import { ResumableLog, type GridRecord } from './resumable-log.js';

/** One run that is to be made or completed. */
export interface RunJob {
  readonly experiment: Experiment;
  readonly specification: RunSpecification;
  readonly context: RunContext;
  readonly paths: RunPaths;
  /** That of the paths. */
  readonly lock: Lock;
  /** The header of its log, but for the engine, which only a step tells. */
  readonly header: Omit<RunHeader, 'engine'>;
  /** Seconds from one checkpoint to the next; more where one takes long. */
  readonly checkpointSeconds: number;
  /** Is told the number of steps that have been made. */
  readonly onProgress: (step: number) => void;
  /** When it is aborted, the run ends after its current step, with a checkpoint. */
  readonly signal: AbortSignal;
}

/** The log of a new run, or of one that goes on from its checkpoint. */
async function openLog(
  run: Run,
  checkpoint: Checkpoint | null,
  { paths, header }: RunJob,
): Promise<{ log: ResumableLog<GridRecord>; begun: RunHeader | null }> {
  if (checkpoint === null) {
    return { log: ResumableLog.begin(paths), begun: null };
  }
  const { log, records } = ResumableLog.resume<GridRecord>(paths, checkpoint);
  const begun = records[0] as RunHeader;
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
  const { experiment, specification, context, paths, lock, header, signal } = job;
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
      const schedule = new CheckpointSchedule(job.checkpointSeconds);
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
        if (reason === null && (schedule.isDue() || signal.aborted)) {
          await schedule.make(async () => {
            const seconds = secondsNow();
            const state = await run.save();
            lock.assertHeld();
            writeCheckpoint(paths.checkpoint, { step, seconds, ...log.sync(), state });
          });
        }
        if (reason === null && signal.aborted) {
          return false;
        }
        // Steps may be synchronous; without this, messages would be seen only at the end.
        await setImmediate();
      }
      const seconds = Number(secondsNow().toFixed(6));
      log.write({ type: 'end', steps: step, reason, seconds });
      lock.assertHeld();
      log.finish();
      return true;
    } finally {
      log.close();
    }
  } finally {
    run.dispose?.();
  }
}
