import { SingleBar } from 'cli-progress';

/** How far a stage is, such as an epoch of a run or all runs of a grid. */
export interface StageProgress {
  /** The stage's name, such as `Epoch 1/2`. */
  readonly stage: string;
  /** Steps of this stage that have been taken. */
  readonly step: number;
  readonly steps: number;
  /** What is shown beside the progress, such as the loss. */
  readonly figures: readonly string[];
}

/** A duration in its two largest units, as '2 h 5 min'. */
export function describeDuration(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) {
    return `${whole} s`;
  }
  if (whole < 3600) {
    return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  }
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** Shows the progress of one stage after another. */
export interface ProgressDisplay {
  update(progress: StageProgress): void;
  /** Ends the display of a stage, so that other lines can be printed. */
  stop(): void;
}

/** Of a process beside another one that shows the progress. */
export const noDisplay: ProgressDisplay = { update: () => undefined, stop: () => undefined };

class ProgressBar implements ProgressDisplay {
  #bar: SingleBar | null = null;

  update({ stage, step, steps, figures }: StageProgress): void {
    const payload = { figures: figures.join('  ') };
    if (this.#bar === null) {
      this.#bar = new SingleBar({
        format: `${stage} {bar} {percentage} %  {figures}`,
        barCompleteChar: '█',
        barIncompleteChar: '░',
        barsize: 24,
        hideCursor: true,
        stream: process.stdout,
      });
      this.#bar.start(steps, 0, payload);
    }
    this.#bar.update(step, payload);
  }

  stop(): void {
    this.#bar?.stop();
    this.#bar = null;
  }
}

/** About ten lines a stage, for logs and pipes. */
class ProgressLines implements ProgressDisplay {
  #stage = '';
  #tenth = 0;

  update({ stage, step, steps, figures }: StageProgress): void {
    const tenth = Math.floor((10 * step) / steps);
    const lastTenth = stage === this.#stage ? this.#tenth : 0;
    this.#stage = stage;
    this.#tenth = tenth;
    if (tenth === lastTenth) {
      return;
    }
    const percentage = `${10 * tenth}`.padStart(3);
    console.log([stage, `${percentage} %`, ...figures].join('  '));
  }

  stop(): void {
    // Every line is complete.
  }
}

/** A bar on a terminal, plain lines elsewhere. */
export function createProgressDisplay(): ProgressDisplay {
  return process.stdout.isTTY ? new ProgressBar() : new ProgressLines();
}
