import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import type { Readable } from 'node:stream';

/**
 * Runs its parameters as a command, and ends their process group when file descriptor 3 is closed:
 * the system does that where this process is killed and can end nothing itself.
 */
const watchedCommand = `
  command -v "$1" >/dev/null 2>&1 || exit 127
  (cat <&3; kill -s KILL -- -$$) >/dev/null 2>&1 &
  watch=$!
  trap : TERM
  "$@" 3<&- &
  command=$!
  wait $command
  code=$?
  # The group's SIGTERM ends the wait and not yet the command, which has to be waited for.
  while kill -0 $command 2>/dev/null; do
    wait $command
    code=$?
  done
  kill $watch
  exit $code`;

/** What the shell says of a program that is not there. */
const notFound = 127;

export interface CommandOptions {
  readonly file: string;
  readonly arguments: readonly string[];
  readonly cwd: string;
  readonly environment: NodeJS.ProcessEnv;
  /** All that the command prints is appended to this file. */
  readonly logPath: string;
  /** Called with each piece of output as it comes. */
  readonly onOutput?: (text: string) => void;
  /** Ends the command and all that it started, as the end of this process does. */
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
  const [program, programArguments] = ownGroup
    ? ['sh', ['-c', watchedCommand, 'sh', file, ...commandArguments]]
    : [file, commandArguments];
  const child = spawn(program, programArguments, {
    cwd,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    detached: ownGroup,
    windowsHide: true,
  });
  child.once('exit', () => child.stdio[3]?.destroy());
  const stdout = child.stdout as Readable;
  const stderr = child.stderr as Readable;
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
  stdout.on('data', takeOutput);
  stderr.on('data', takeOutput);
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
    if (ownGroup && exitCode === notFound) {
      throw Object.assign(new Error(`${file} was not found`), { code: 'ENOENT' });
    }
    return { exitCode, output };
  } finally {
    signal?.removeEventListener('abort', end);
    await new Promise((resolve) => log.end(resolve));
  }
}
