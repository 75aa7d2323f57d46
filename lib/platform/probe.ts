import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Gpu } from './addon.js';

/** What each probe finds out. A probe runs in a child process: a crash there is an answer, too. */
export interface ProbeFindings {
  /** Loads the native add-on. */
  addon: {
    readonly path: string;
    readonly version: string;
    readonly instructionSets: readonly string[];
    readonly instructionSet: string;
    readonly threads: number;
  };
  /** Loads tfjs-node from a folder, multiplies two matrices and checks the product. */
  runtime: { readonly tensorFlowVersion: string; readonly usesGpu: boolean };
  /** Loads tfjs-node from a folder and the add-on, and registers the op for the device it uses. */
  registration: { readonly opName: string };
  /** Loads the CUDA engine and asks for the GPUs, without which `gpuProblem` says why. */
  cuda: {
    readonly path: string;
    readonly gpus: readonly Gpu[];
    readonly gpuProblem: string | null;
  };
  /** Loads the MPI engine, and the MPI library with it. */
  mpi: { readonly path: string };
}

/** What the child tells: a probe's finding, or why there is none. */
export type ProbeAnswer<Finding> =
  | { readonly ok: true; readonly finding: Finding }
  | { readonly ok: false; readonly problem: string };

/** A problem is one sentence or a report of several lines; `errorOutput` is what was printed. */
export type ProbeOutcome<Finding> = ProbeAnswer<Finding> & { readonly errorOutput: string };

/** What the parent tells the child: its arguments, in this order. */
export type ProbeArguments = readonly [task: keyof ProbeFindings, tensorFlowDirectory: string];

export interface ProbeOptions {
  /** The package folder of tfjs-node; the probes `addon`, `cuda` and `mpi` need none. */
  readonly tensorFlowDirectory?: string;
  /** Environment variables of the child, beside those of this process. */
  readonly environment?: NodeJS.ProcessEnv;
  /** Ends the child early; the outcome then says so. */
  readonly signal?: AbortSignal | undefined;
}

const childScript = fileURLToPath(new URL('./probe-child.js', import.meta.url));

/** Loading TensorFlow takes 1 s; one that has not answered after this long hangs. */
const timeoutMilliseconds = 120_000;

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-3).join(' | ');
}

/** Carries out one probe in a child process. Never rejects: what went wrong is in the outcome. */
export function probe<Task extends keyof ProbeFindings>(
  task: Task,
  { tensorFlowDirectory = '', environment = {}, signal }: ProbeOptions = {},
): Promise<ProbeOutcome<ProbeFindings[Task]>> {
  return new Promise((resolve) => {
    const childArguments: ProbeArguments = [task, tensorFlowDirectory];
    const child = fork(childScript, childArguments, {
      execArgv: [],
      // TensorFlow's own start-up lines would hide the few lines that say why it failed.
      env: { TF_CPP_MIN_LOG_LEVEL: '2', ...process.env, ...environment },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      timeout: timeoutMilliseconds,
      killSignal: 'SIGKILL',
      ...(signal ? { signal } : {}),
    });
    let answer: ProbeAnswer<ProbeFindings[Task]> | undefined;
    let errorOutput = '';
    child.stderr?.on('data', (data: Buffer) => {
      errorOutput += data.toString();
    });
    child.on('message', (message) => {
      answer = message as ProbeAnswer<ProbeFindings[Task]>;
    });
    child.on('error', (error) => {
      resolve({ ok: false, problem: error.message, errorOutput });
    });
    child.on('close', (code, endSignal) => {
      const how = endSignal ? `by signal ${endSignal}` : `with exit code ${String(code)}`;
      const crash = `its process ended ${how}. ${lastLines(errorOutput)}`.trim();
      // A finding counts only if the process also ended well: a crash at exit is a crash.
      if (answer && (!answer.ok || code === 0)) {
        resolve({ ...answer, errorOutput });
      } else {
        resolve({ ok: false, problem: crash, errorOutput });
      }
    });
  });
}
