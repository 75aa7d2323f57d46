import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';

import type { Communicator, EngineName } from 'tfjs-alig';

import { exclusively, type Lock } from '../../lib/platform/exclusive.js';
import { FileError, makeFolder } from '../../lib/platform/file-error.js';
import { writeAtomically } from '../../lib/platform/write-atomically.js';
import {
  CheckpointSchedule,
  readCheckpoint,
  standardCheckpointSeconds,
  writeCheckpoint,
} from '../runner/checkpoint.js';
import { describeEnvironment, type RunRecord } from '../runner/environment.js';
import type { RunPaths } from '../runner/files.js';
import type { RunState } from '../runner/experiment.js';
import { createProgressDisplay, type StageProgress } from '../runner/progress.js';
import { shareValue } from '../runner/ranks.js';
import { ResumableLog } from '../runner/resumable-log.js';
import { checkSameEnvironment } from '../runner/same-environment.js';
import { chartFileName, singleRunPaths } from './output.js';
import type { EndedEpoch, TrainingRun, TrainingStep } from './training-run.js';

/** A step that was taken. */
export type TakenStep = TrainingStep & { readonly report: NonNullable<TrainingStep['report']> };

/** First line of the log. There is no engine if the first step diverged. */
export type RunHeader<Configuration> = RunRecord<Configuration, EngineName | 'none'>;

/** Last line of the log of a training that has ended early. */
export interface DivergenceRecord {
  readonly type: 'diverged';
  /** The step that could not be taken. */
  readonly step: number;
  readonly reason: string;
}

interface Line {
  readonly type: string;
}

/** A training as a command makes it: a log of every step, and a chart. */
export interface SingleRun<Configuration, StepLine extends Line, EpochLine extends Line> {
  /** What is trained, for the terminal. */
  readonly title: string;
  readonly chartTitle: string;
  /** Lines under both titles. */
  readonly description: readonly string[];
  readonly configuration: Configuration;
  readonly start: () => Promise<TrainingRun>;
  readonly stepLine: (step: TakenStep) => StepLine;
  readonly epochLine: (ended: EndedEpoch) => EpochLine;
  readonly progress: (step: TakenStep, epochs: readonly EpochLine[]) => StageProgress;
  /** Is printed after an epoch. Default: nothing is. */
  readonly epochText?: (line: EpochLine) => string;
  readonly drawChart: (content: ChartContent<StepLine, EpochLine>) => Promise<string>;
  /** What is printed at the end: its name and its value. */
  readonly result: (
    epochs: readonly EpochLine[],
    divergence: DivergenceRecord | null,
  ) => readonly [name: string, value: string];
}

/** What a chart shows. */
export interface ChartContent<StepLine, EpochLine> {
  readonly title: string;
  /** Lines under the title. */
  readonly subtitle: readonly string[];
  readonly steps: readonly StepLine[];
  readonly epochs: readonly EpochLine[];
}

function isTaken(step: TrainingStep): step is TakenStep {
  return step.report !== null;
}

/** The lines of a training so far, and what they tell. */
interface Progress<Configuration, StepLine, EpochLine> {
  readonly header: RunHeader<Configuration> | null;
  readonly steps: StepLine[];
  readonly epochs: EpochLine[];
}

/** A line of a log, other than the first and one of a divergence, which is the last. */
type Entry<Configuration, StepLine, EpochLine> =
  RunHeader<Configuration> | StepLine | EpochLine | DivergenceRecord;

/** Makes a run go on from its checkpoint, or begins its log. */
async function openLog<Configuration, StepLine extends Line, EpochLine extends Line>(
  run: TrainingRun,
  now: Omit<RunHeader<Configuration>, 'engine'>,
  paths: RunPaths,
): Promise<{
  log: ResumableLog<Entry<Configuration, StepLine, EpochLine>>;
  progress: Progress<Configuration, StepLine, EpochLine>;
}> {
  const checkpoint = readCheckpoint(paths.checkpoint);
  if (checkpoint === null) {
    return {
      log: ResumableLog.begin(paths),
      progress: { header: null, steps: [], epochs: [] },
    };
  }
  const { log, records } = ResumableLog.resume<Entry<Configuration, StepLine, EpochLine>>(
    paths,
    checkpoint,
  );
  try {
    const [header, ...lines] = records as [RunHeader<Configuration>, ...(StepLine | EpochLine)[]];
    checkSameEnvironment(header, now, paths);
    await run.restore(checkpoint.state);
    const isStep = (line: StepLine | EpochLine): line is StepLine => line.type === 'step';
    return {
      log,
      progress: {
        header,
        steps: lines.filter(isStep),
        epochs: lines.filter((line): line is EpochLine => !isStep(line)),
      },
    };
  } catch (error) {
    log.close();
    throw error;
  }
}

/** Steps of a rank other than 0, which has the log, the checkpoint and the display. */
async function followRun(
  run: TrainingRun,
  communicator: Communicator,
  signal: AbortSignal,
): Promise<void> {
  try {
    const begun = await shareValue<Begun>(communicator, null);
    if (begun.state !== null) await run.restore(begun.state);
    let isOver = false;
    for (let step = begun.step; step < run.steps && !isOver && !signal.aborted; step++) {
      isOver = (await run.step()).report === null;
      await setImmediate();
    }
  } finally {
    run.dispose();
  }
}

/** Where rank 0 begins: with a state, where it has a checkpoint. */
interface Begun {
  readonly step: number;
  readonly state: RunState | null;
}

/** Makes a training under the lock of its folder. */
async function makeLocked<Configuration, StepLine extends Line, EpochLine extends Line>(
  single: SingleRun<Configuration, StepLine, EpochLine>,
  outputFolder: string,
  {
    signal,
    lock,
    communicator = null,
    checkpointSeconds = standardCheckpointSeconds,
  }: SingleRunOptions & { lock: Lock },
): Promise<void> {
  const { chartTitle, description, configuration } = single;
  const paths = singleRunPaths(outputFolder);
  const chartPath = join(outputFolder, chartFileName);
  const environment = await describeEnvironment({ withTensorFlow: true });
  const display = createProgressDisplay();
  const run = await single.start();
  let divergence: DivergenceRecord | null = null;
  try {
    const now = { type: 'run', configuration, ...environment } as const;
    const { log, progress } = await openLog<Configuration, StepLine, EpochLine>(run, now, paths);
    const { steps, epochs } = progress;
    let { header } = progress;
    try {
      if (communicator) {
        const step = steps.length;
        const begun: Begun = { step, state: step > 0 ? await run.save() : null };
        await shareValue(communicator, begun);
      }
      if (header !== null) {
        console.log(`Going on after ${steps.length} of ${run.steps} steps.`);
      }
      const schedule = new CheckpointSchedule(checkpointSeconds);
      const saveCheckpoint = async () => {
        const state = await run.save();
        lock.assertHeld();
        const step = steps.length;
        writeCheckpoint(paths.checkpoint, { step, seconds: state.seconds, ...log.sync(), state });
      };
      while (steps.length < run.steps && divergence === null && !signal.aborted) {
        const step = await run.step();
        // Only a step that has been taken tells which engine serves.
        const engine = step.engine ?? 'none';
        if (header === null) {
          header = { ...now, engine };
          log.write(header);
        }
        if (engine !== header.engine) {
          throw new Error(
            `Step ${step.step} was carried out by the engine ${engine}, the steps before by ` +
              `${header.engine}.`,
          );
        }
        if (isTaken(step)) {
          const line = single.stepLine(step);
          log.write(line);
          steps.push(line);
          display.update(single.progress(step, epochs));
        } else {
          divergence = {
            type: 'diverged',
            step: step.step,
            reason: String(step.record?.['problem']),
          };
          log.write(divergence);
        }
        if (step.ended !== null) {
          const line = single.epochLine(step.ended);
          log.write(line);
          epochs.push(line);
          if (single.epochText !== undefined) {
            display.stop();
            console.log(single.epochText(line));
          }
        }
        const isLast = steps.length === run.steps || divergence !== null;
        if (!isLast && schedule.isDue()) await schedule.make(saveCheckpoint);
        // Steps may be synchronous; without this, Ctrl-C would be seen only at the end.
        await setImmediate();
      }
      display.stop();
      const isFinished = steps.length === run.steps || divergence !== null;
      if (!isFinished && steps.length > 0) await saveCheckpoint();
      const engine = header?.engine ?? 'none';
      const subtitle = [...description, `Engine: ${engine}`];
      const chart = await single.drawChart({ title: chartTitle, subtitle, steps, epochs });
      lock.assertHeld();
      // Before the log is that of a finished run: killed in between, the run goes on and draws again.
      writeAtomically(chartPath, chart);
      if (isFinished) log.finish();
      console.log();
      if (!isFinished) {
        console.log(
          `Interrupted after ${steps.length} of ${run.steps} steps; the same command with ` +
            `--output ${outputFolder} goes on.`,
        );
      }
      const [resultName, result] = single.result(epochs, divergence);
      const logPath = isFinished ? paths.log : paths.partialLog;
      const rows = { [resultName]: result, Engine: engine, Log: logPath, Chart: chartPath };
      for (const [name, value] of Object.entries(rows)) {
        console.log(`${name}:`.padEnd(resultName.length + 2) + value);
      }
    } finally {
      log.close();
    }
  } finally {
    display.stop();
    run.dispose();
  }
}

/** How a training is made. */
export interface SingleRunOptions {
  /** When it is aborted, training ends after the current step, with a checkpoint and a chart. */
  readonly signal: AbortSignal;
  /** Seconds from one checkpoint to the next. Default: 30. */
  readonly checkpointSeconds?: number;
  /**
   * The ranks that make the training together: rank 0 shows and writes. Ctrl-C at mpirun ends all at once.
   * Default: this process makes it alone.
   */
  readonly communicator?: Communicator | null;
}

/**
 * Makes a training, from its checkpoint if there is one, shows the progress and writes the log and the
 * chart into the folder. A process that is killed at any moment, and then another one that makes the
 * same training, write the same steps as one process alone.
 * Waits while another command writes into the folder.
 * @throws FileError where the folder has a finished run.
 */
export async function makeSingleRun<Configuration, StepLine extends Line, EpochLine extends Line>(
  single: SingleRun<Configuration, StepLine, EpochLine>,
  outputFolder: string,
  options: SingleRunOptions,
): Promise<void> {
  const { communicator } = options;
  if (communicator && communicator.rank !== 0) {
    await followRun(await single.start(), communicator, options.signal);
    return;
  }
  console.log(`${single.title}\n${single.description.join('\n')}\n`);
  makeFolder(outputFolder);
  const { lock: lockPath, log } = singleRunPaths(outputFolder);
  const make = async (lock: Lock) => {
    if (existsSync(log)) throw new FileError(`${log} is there already: choose another folder.`);
    await makeLocked(single, outputFolder, { ...options, lock });
  };
  await exclusively(lockPath, make, {
    onWait: (holder) => {
      console.log(`Another command (${holder}) writes into ${outputFolder}; waiting for its end.`);
    },
    signal: options.signal,
  });
}
