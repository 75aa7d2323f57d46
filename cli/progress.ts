import { SingleBar } from 'cli-progress';
import type { Progress } from '../lib/platform/progress.js';

const barWidth = 30;

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`;
}

function describe(task: string, seconds: number, done: number, total: number | null): string {
  if (done === 0) {
    return `${task} ... ${seconds} s`;
  }
  if (total === null) {
    return `${task} ... ${megabytes(done)}, ${seconds} s`;
  }
  const filled = Math.round(Math.min(done / total, 1) * barWidth);
  const bar = '#'.repeat(filled).padEnd(barWidth, '-');
  return `${task} [${bar}] ${megabytes(done)} of ${megabytes(total)}, ${seconds} s`;
}

/** Shows tasks on a terminal: one line a task, drawn again as it goes on. */
class TerminalProgress implements Progress {
  #task = '';
  #start = 0;
  #done = 0;
  #total: number | null = null;
  #bar: SingleBar | undefined;

  say(line: string): void {
    console.log(line);
  }

  begin(task: string): void {
    this.#task = task;
    this.#start = Date.now();
    this.#done = 0;
    this.#total = null;
    // The line is a format function and not cli-progress's own, because a task without a known size
    // shows its time and no bar.
    this.#bar = new SingleBar({
      format: () => this.#line(),
      hideCursor: true,
      linewrap: false,
    });
    this.#bar.start(1, 0);
  }

  update(done: number, total: number | null): void {
    this.#done = done;
    this.#total = total;
  }

  end(): void {
    this.#bar?.stop();
  }

  #line(): string {
    const seconds = Math.round((Date.now() - this.#start) / 1000);
    return describe(this.#task, seconds, this.#done, this.#total);
  }
}

/** Writes plain lines for a log: one when a task begins, one when it ends. */
class LineProgress implements Progress {
  #task = '';
  #start = 0;

  say(line: string): void {
    console.log(line);
  }

  begin(task: string): void {
    this.#task = task;
    this.#start = Date.now();
    console.log(`${task} ...`);
  }

  update(): void {
    // A log would only fill with numbers.
  }

  end(): void {
    console.log(`${this.#task}: ${((Date.now() - this.#start) / 1000).toFixed(1)} s`);
  }
}

/** Progress bars where the standard error output is a terminal, plain lines elsewhere. */
export function consoleProgress(): Progress {
  return process.stderr.isTTY ? new TerminalProgress() : new LineProgress();
}
