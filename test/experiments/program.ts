/** What the tests of `tfjs-alig train` share: running the program and reading what it wrote. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

// Compiled tests lie in dist/test/experiments.
export const packageRoot = fileURLToPath(new URL('../../../', import.meta.url));

/** How the program ended and what it printed. */
export interface ProgramResult {
  readonly exitCode: number | null;
  readonly output: string;
  readonly errors: string;
}

/** How the program is run. */
export interface ProgramSettings {
  /** The working directory. */
  readonly folder: string;
  /** The compiled program. Default: this package's. */
  readonly path?: string;
  /** Ctrl-C is pressed when the program has printed this. */
  readonly interruptAt?: string;
}

/** Runs `tfjs-alig` to its end. */
export function runProgram(
  options: readonly string[],
  { folder, path = join(packageRoot, 'dist/cli/main.js'), interruptAt }: ProgramSettings,
): Promise<ProgramResult> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [path, ...options],
      { cwd: folder },
      (_, output, errors) => {
        resolve({ exitCode: child.exitCode, output, errors });
      },
    );
    let seen = '';
    child.stdout?.on('data', (text: string) => {
      const before = seen;
      seen += text;
      if (
        interruptAt !== undefined &&
        seen.includes(interruptAt) &&
        !before.includes(interruptAt)
      ) {
        child.kill('SIGINT');
      }
    });
  });
}

/** The objects in a file of JSON lines. */
export function readLines(path: string): unknown[] {
  return readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
}

/** A log's record without the times and the hash, which no two runs share. */
export function withoutTimes(record: object): string {
  return JSON.stringify(record, (key, value: unknown) =>
    ['seconds', 'examplesPerSecond', 'waited', 'sha256'].includes(key) ? undefined : value,
  );
}

/** The elements that are open at the end of an XML text: none, if it is well-formed. */
export function openElements(xml: string): string[] {
  const open: string[] = [];
  for (const [, closing, name = '', empty] of xml.matchAll(/<(\/?)([\w:-]+)[^<>]*?(\/?)>/g)) {
    if (closing === '/') {
      if (open.pop() !== name) {
        return [...open, `unexpected end of ${name}`];
      }
    } else if (empty !== '/') {
      open.push(name);
    }
  }
  return open;
}
