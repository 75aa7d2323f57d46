import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

export interface Ended {
  readonly exitCode: number | null;
  /** What it has written to both outputs, in the order they came. */
  readonly output: string;
  /** What it has written to its standard output alone. */
  readonly standardOutput: string;
  readonly seconds: number;
}

export interface Running {
  readonly child: ChildProcess;
  /** What it has printed so far. */
  readonly output: () => string;
  readonly ended: Promise<Ended>;
}

/** Starts Node with a script and arguments. */
export function startNode(
  nodeArguments: readonly string[],
  { cwd, environment = {} }: { cwd: string; environment?: NodeJS.ProcessEnv },
): Running {
  const start = performance.now();
  const child = spawn(process.execPath, nodeArguments, {
    cwd,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let standardOutput = '';
  child.stdout.on('data', (data: Buffer) => {
    standardOutput += data.toString();
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => {
      output += data.toString();
    });
  }
  const ended = once(child, 'close').then(([exitCode]) => ({
    exitCode: exitCode as number | null,
    output,
    standardOutput,
    seconds: (performance.now() - start) / 1000,
  }));
  return { child, output: () => output, ended };
}

/** Runs Node to its end. */
export function runNode(
  nodeArguments: readonly string[],
  options: { cwd: string; environment?: NodeJS.ProcessEnv },
): Promise<Ended> {
  return startNode(nodeArguments, options).ended;
}

/** Asks again and again until the condition holds; throws after 5 min, for a busy machine. */
export async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 300_000;
  while (!condition()) {
    if (performance.now() > deadline) {
      throw new Error('What the test waits for did not come in 5 min.');
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
