import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';

export interface CommandOptions {
  readonly file: string;
  readonly arguments: readonly string[];
  readonly cwd: string;
  readonly environment: NodeJS.ProcessEnv;
  /** All that the command prints is appended to this file. */
  readonly logPath: string;
  /** Called with each piece of output as it comes. */
  readonly onOutput?: (text: string) => void;
  /** Ends the command and all that it started. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs a command to its end. Returns its exit code (null if a signal ended it) and all that it
 * printed. Rejects if it cannot be started (code ENOENT: no such program) and when aborted.
 */
export async function runCommand({
  file,
  arguments: commandArguments,
  cwd,
  environment,
  logPath,
  onOutput,
  signal,
}: CommandOptions): Promise<{ exitCode: number | null; output: string }> {
  signal?.throwIfAborted();
  // Its own process group, so that what it starts (make, the compiler) can be ended with it.
  const ownGroup = process.platform !== 'win32';
  const child = spawn(file, commandArguments, {
    cwd,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: ownGroup,
    windowsHide: true,
  });
  const log = createWriteStream(logPath, { flags: 'a' });
  // A log that cannot be written (a full disk) must not end the process: the command's own failure,
  // which is bound to follow, says more.
  log.on('error', () => undefined);
  log.write(`$ ${[file, ...commandArguments].join(' ')}\n`);
  let output = '';
  const takeOutput = (data: Buffer) => {
    const text = data.toString();
    output += text;
    log.write(text);
    onOutput?.(text);
  };
  child.stdout.on('data', takeOutput);
  child.stderr.on('data', takeOutput);
  const end = () => {
    if (!ownGroup || child.pid === undefined) {
      child.kill();
      return;
    }
    try {
      process.kill(-child.pid, 'SIGTERM');
    } catch {
      // The whole group has already ended.
    }
  };
  signal?.addEventListener('abort', end);
  try {
    const [exitCode] = (await once(child, 'close')) as [number | null];
    signal?.throwIfAborted();
    return { exitCode, output };
  } finally {
    signal?.removeEventListener('abort', end);
    await new Promise((resolve) => log.end(resolve));
  }
}
