import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { exclusivelyIfFree } from '../../lib/platform/exclusive.js';
import { describeDuration, type ProgressDisplay } from './progress.js';
import type { Grid, RunSpecification } from './experiment.js';
import { removeCheckpoint, runPaths } from './files.js';
import type { WorkerCommand, WorkerMessage, WorkerSetup } from './messages.js';

/** A run that did not come to its end. */
export interface Failure {
  readonly id: string;
  readonly message: string;
}

/** What is needed to make the runs of a grid. */
export interface GridJob {
  readonly grid: Grid;
  readonly setup: Omit<WorkerSetup, 'type'>;
  /** Number of worker processes. */
  readonly jobs: number;
  readonly display: ProgressDisplay;
  readonly signal: AbortSignal;
}

/** Sends runs to workers and adds up what they tell. */
class GridLead {
  readonly failures: Failure[] = [];
  readonly #job: GridJob;
  readonly #waiting: (readonly [id: string, specification: RunSpecification])[] = [];
  /** Steps of the runs that are under way, as last told. */
  readonly #stepsNow = new Map<string, number>();
  readonly #totalSteps: number;
  readonly #start = performance.now();
  /** Steps of finished runs, those of earlier commands included. */
  #finishedSteps = 0;
  #finishedRuns = 0;
  /** Steps that earlier commands made. */
  #earlierSteps: number;
  #stopped = false;

  constructor(job: GridJob) {
    this.#job = job;
    let total = 0;
    for (const [id, specification] of job.grid) {
      const { steps } = specification;
      total += steps;
      const paths = runPaths(job.setup.outputFolder, id);
      if (existsSync(paths.log)) {
        this.#finishedRuns += 1;
        this.#finishedSteps += steps;
      } else {
        this.#waiting.push([id, specification]);
      }
    }
    this.#totalSteps = total;
    this.#earlierSteps = this.#finishedSteps;
  }

  async runAll(): Promise<void> {
    const { display, jobs } = this.#job;
    await this.#removeLeftovers();
    try {
      this.#show();
      const count = Math.min(jobs, this.#waiting.length);
      await Promise.all(Array.from({ length: count }, () => this.#serve()));
    } finally {
      display.stop();
    }
  }

  /** Left where a process was killed after the log had got its final name. */
  async #removeLeftovers(): Promise<void> {
    for (const id of this.#job.grid.keys()) {
      const paths = runPaths(this.#job.setup.outputFolder, id);
      if (!existsSync(paths.log)) continue;
      removeCheckpoint(paths);
      if (existsSync(paths.lock)) await exclusivelyIfFree(paths.lock, () => Promise.resolve());
    }
  }

  #show(): void {
    const underWay = [...this.#stepsNow.values()].reduce((sum, steps) => sum + steps, 0);
    const done = this.#finishedSteps + underWay;
    const doneNow = done - this.#earlierSteps;
    const seconds = (performance.now() - this.#start) / 1000;
    // Estimated from the steps of this command, which those of earlier ones say nothing about.
    const secondsLeft = (seconds * (this.#totalSteps - done)) / doneNow;
    this.#job.display.update({
      stage: 'Grid',
      step: done,
      steps: this.#totalSteps,
      figures: [
        `${this.#finishedRuns}/${this.#job.grid.size} runs`,
        ...(doneNow > 0 ? [`${describeDuration(secondsLeft)} left`] : []),
      ],
    });
  }

  /** Keeps one worker busy until no run waits; one that dies is replaced. */
  async #serve(): Promise<void> {
    while (this.#waiting.length > 0 && !this.#isStopping()) {
      const worker = fork(fileURLToPath(new URL('./worker.js', import.meta.url)));
      const stop = () => {
        if (worker.connected) {
          worker.send({ type: 'stop' } satisfies WorkerCommand);
        }
      };
      const { signal } = this.#job;
      signal.addEventListener('abort', stop, { once: true });
      try {
        worker.send({ type: 'setup', ...this.#job.setup } satisfies WorkerCommand);
        await this.#feed(worker);
      } finally {
        signal.removeEventListener('abort', stop);
        if (worker.connected) {
          worker.disconnect();
        }
        if (worker.exitCode === null && worker.signalCode === null) {
          await once(worker, 'exit');
        }
      }
    }
  }

  #isStopping(): boolean {
    return this.#stopped || this.#job.signal.aborted;
  }

  /** Gives runs to a worker until none waits or the worker has died. */
  async #feed(worker: ChildProcess): Promise<void> {
    for (;;) {
      const next = this.#isStopping() ? undefined : this.#waiting.shift();
      if (next === undefined) {
        return;
      }
      const [id, specification] = next;
      const result = await this.#runOn(worker, id, specification);
      this.#stepsNow.delete(id);
      if (result.type === 'finished') {
        this.#finishedRuns += 1;
        this.#finishedSteps += specification.steps;
      } else if (result.type === 'failed') {
        this.failures.push({ id, message: result.message });
        this.#stopped ||= result.concernsAll;
      }
      this.#show();
      // A process that has died may still count as connected.
      if (worker.exitCode !== null || worker.signalCode !== null || !worker.connected) {
        return;
      }
    }
  }

  /** Has a worker make a run and returns how that ended. */
  #runOn(
    worker: ChildProcess,
    id: string,
    specification: RunSpecification,
  ): Promise<Exclude<WorkerMessage, { readonly type: 'progress' }>> {
    return new Promise((resolve) => {
      let firstStep: number | undefined;
      const take = (message: WorkerMessage) => {
        if (message.type !== 'progress') {
          settle(message);
          return;
        }
        if (firstStep === undefined) {
          // A run that goes on from a checkpoint has steps that took no time now.
          firstStep = message.step - 1;
          this.#earlierSteps += firstStep;
        }
        this.#stepsNow.set(id, message.step);
        this.#show();
      };
      const die = (exitCode: number | null, signalName: string | null) => {
        settle({
          type: 'failed',
          message:
            `Its process ended with ${signalName ?? `exit code ${String(exitCode)}`}; ` +
            'the same command goes on from the last checkpoint.',
          concernsAll: false,
        });
      };
      const settle = (result: Exclude<WorkerMessage, { readonly type: 'progress' }>) => {
        worker.off('message', take);
        worker.off('exit', die);
        resolve(result);
      };
      worker.on('message', take);
      worker.once('exit', die);
      worker.send({ type: 'run', id, specification } satisfies WorkerCommand);
    });
  }
}

/**
 * Makes all runs of a grid that are not finished, in worker processes, and returns those that
 * failed; a failed run does not stop the others, except for a reason that concerns all (a full disk).
 */
export async function runGrid(job: GridJob): Promise<readonly Failure[]> {
  const lead = new GridLead(job);
  await lead.runAll();
  return lead.failures;
}
