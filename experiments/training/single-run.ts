import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';

import type { EngineName } from 'tfjs-alig';

import { describeEnvironment, type RunRecord } from '../runner/environment.js';
import { createProgressDisplay, type StageProgress } from '../runner/progress.js';
import { RunLog } from './log.js';
import { chartFileName, logFileName } from './output.js';
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

/**
 * Makes a training, shows the progress and writes the log and the chart into the folder. When the
 * signal is aborted, training ends after the current step and the chart shows what is there.
 */
export async function makeSingleRun<Configuration, StepLine extends Line, EpochLine extends Line>(
  single: SingleRun<Configuration, StepLine, EpochLine>,
  outputFolder: string,
  signal: AbortSignal,
): Promise<void> {
  const { title, chartTitle, description, configuration } = single;
  console.log(`${title}\n${description.join('\n')}\n`);
  mkdirSync(outputFolder, { recursive: true });
  const logPath = join(outputFolder, logFileName);
  const chartPath = join(outputFolder, chartFileName);
  const environment = await describeEnvironment({ withTensorFlow: true });
  const log = new RunLog<RunHeader<Configuration> | StepLine | EpochLine | DivergenceRecord>(
    logPath,
  );
  const display = createProgressDisplay();
  const steps: StepLine[] = [];
  const epochs: EpochLine[] = [];
  let divergence: DivergenceRecord | null = null;
  let engine: EngineName | 'none' | null = null;
  const run = await single.start();
  try {
    while (steps.length < run.steps && divergence === null && !signal.aborted) {
      const step = await run.step();
      if (engine === null) {
        // Only a step that has been taken tells which engine serves.
        engine = step.engine ?? 'none';
        log.write({ type: 'run', configuration, ...environment, engine });
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
      // Steps may be synchronous; without this, Ctrl-C would be seen only at the end.
      await setImmediate();
    }
  } finally {
    display.stop();
    log.close();
    run.dispose();
  }
  engine ??= 'none';
  const subtitle = [...description, `Engine: ${engine}`];
  const content = { title: chartTitle, subtitle, steps, epochs };
  writeFileSync(chartPath, await single.drawChart(content));
  console.log();
  if (signal.aborted) {
    console.log(`Interrupted after ${steps.length} of ${run.steps} steps.`);
  }
  const [resultName, result] = single.result(epochs, divergence);
  const rows = { [resultName]: result, Engine: engine, Log: logPath, Chart: chartPath };
  for (const [name, value] of Object.entries(rows)) {
    console.log(`${name}:`.padEnd(resultName.length + 2) + value);
  }
}
