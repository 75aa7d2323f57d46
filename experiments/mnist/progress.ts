import { SingleBar } from 'cli-progress';

/** How far an epoch is. */
export interface EpochProgress {
  readonly epoch: number;
  readonly epochs: number;
  /** Steps of this epoch that have been taken. */
  readonly step: number;
  readonly steps: number;
  /** Mean loss over this epoch so far. */
  readonly loss: number;
  readonly stepSize: number;
  readonly examplesPerSecond: number;
  readonly secondsLeft: number;
}

/** Shows the progress of one epoch after another. */
export interface ProgressDisplay {
  update(progress: EpochProgress): void;
  /** Ends the display of an epoch, so that other lines can be printed. */
  stop(): void;
}

function describe(progress: EpochProgress): Record<string, string> {
  return {
    loss: progress.loss.toFixed(4),
    stepSize: progress.stepSize.toPrecision(3),
    speed: Math.round(progress.examplesPerSecond).toLocaleString('en'),
    timeLeft: `${Math.ceil(progress.secondsLeft)} s left`,
  };
}

class ProgressBar implements ProgressDisplay {
  #bar: SingleBar | null = null;

  update(progress: EpochProgress): void {
    const payload = describe(progress);
    if (this.#bar === null) {
      this.#bar = new SingleBar({
        format:
          `Epoch ${progress.epoch}/${progress.epochs} {bar} {percentage} %  loss {loss}  ` +
          'step size {stepSize}  {speed} examples/s  {timeLeft}',
        barCompleteChar: '█',
        barIncompleteChar: '░',
        barsize: 24,
        hideCursor: true,
        stream: process.stdout,
      });
      this.#bar.start(progress.steps, 0, payload);
    }
    this.#bar.update(progress.step, payload);
  }

  stop(): void {
    this.#bar?.stop();
    this.#bar = null;
  }
}

/** About ten lines an epoch, for logs and pipes. */
class ProgressLines implements ProgressDisplay {
  update(progress: EpochProgress): void {
    const { epoch, epochs, step, steps } = progress;
    const tenth = Math.floor((10 * step) / steps);
    if (tenth === Math.floor((10 * (step - 1)) / steps)) {
      return;
    }
    const { loss, stepSize, speed, timeLeft } = describe(progress);
    const percentage = `${10 * tenth}`.padStart(3);
    console.log(
      `Epoch ${epoch}/${epochs}  ${percentage} %  loss ${loss}  step size ${stepSize}  ` +
        `${speed} examples/s  ${timeLeft}`,
    );
  }

  stop(): void {
    // Every line is complete.
  }
}

/** A bar on a terminal, plain lines elsewhere. */
export function createProgressDisplay(): ProgressDisplay {
  return process.stdout.isTTY ? new ProgressBar() : new ProgressLines();
}
