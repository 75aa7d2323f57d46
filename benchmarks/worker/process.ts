import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Requests } from './protocol.js';

const nodeWorker = fileURLToPath(new URL('main.js', import.meta.url));

/** How a contender's process is started. */
export interface Command {
  readonly file: string;
  readonly arguments: readonly string[];
}

/** The command of a contender whose module is `moduleUrl`. */
export function nodeCommand(moduleUrl: URL, name: string): Command {
  return { file: process.execPath, arguments: [nodeWorker, moduleUrl.href, name] };
}

/** The environment that gives every library the same number of threads. */
export function threadVariables(threads: number): Readonly<Record<string, string>> {
  const count = String(threads);
  return {
    TFJS_ALIG_THREADS: count,
    TF_NUM_INTRAOP_THREADS: count,
    TF_NUM_INTEROP_THREADS: count,
    OMP_NUM_THREADS: count,
    MKL_NUM_THREADS: count,
  };
}

/** How much of what a process wrote to its standard error an error message quotes. */
const quotedCharacters = 4000;

/** A contender's process, which does one request at a time. */
export class ContenderProcess {
  private readonly child: ChildProcessWithoutNullStreams;
  private readonly lines: AsyncIterator<string>;
  private errorText = '';
  private failure: Error | null = null;

  constructor(
    readonly name: string,
    { file, arguments: parameters }: Command,
    environment: Readonly<Record<string, string>>,
  ) {
    this.child = spawn(file, parameters, {
      env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '2', ...environment },
    });
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.errorText = (this.errorText + text).slice(-quotedCharacters);
    });
    this.child.on('error', (error) => {
      this.failure = error;
    });
    // A process that has died can't be written to; the missing answer says so.
    this.child.stdin.on('error', () => undefined);
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  /** Throws an Error with what the process wrote to its standard error where it has died. */
  async ask<Name extends keyof Requests>(
    request: Name,
    takes: Requests[Name]['takes'],
  ): Promise<Requests[Name]['answers']> {
    this.child.stdin.write(`${JSON.stringify({ request, ...takes })}\n`);
    const line = await this.lines.next();
    if (line.done) {
      throw new Error(`${this.name} ended during '${request}': ${this.errorText.trim()}`, {
        cause: this.failure,
      });
    }
    return JSON.parse(line.value) as Requests[Name]['answers'];
  }

  /** Ends the process and waits until its memory is free again. */
  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null || this.failure) return;
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill('SIGKILL');
    await ended;
  }
}
