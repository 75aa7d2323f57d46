import type { RunSpecification } from './experiment.js';

/** What a worker process needs to know once. */
export interface WorkerSetup {
  readonly type: 'setup';
  /** URL of the module whose default export is the experiment. */
  readonly module: string;
  /** Whether the runs are made on TensorFlow. */
  readonly needsTensorFlow: boolean;
  readonly dataFolder: string | null;
  readonly outputFolder: string;
  readonly commit: string | null;
  readonly command: string;
  readonly checkpointSeconds: number;
}

/** What the process that leads the grid tells a worker. */
export type WorkerCommand =
  | WorkerSetup
  | { readonly type: 'run'; readonly id: string; readonly specification: RunSpecification }
  /** End after the current step, with a checkpoint. */
  | { readonly type: 'stop' };

/** What a worker tells about its current run. */
export type WorkerMessage =
  | { readonly type: 'progress'; readonly step: number }
  | { readonly type: 'finished' }
  | { readonly type: 'stopped' }
  | {
      readonly type: 'failed';
      readonly message: string;
      /** Other runs will fail for the same reason. */
      readonly concernsAll: boolean;
    };
