import { spawnSync } from 'node:child_process';
import { findCudaProgram } from '#toolchain';

export interface SanitizerResult {
  readonly tool: string;
  readonly clean: boolean;
  /** The last lines that it printed. */
  readonly output: string;
}

const tools = ['memcheck', 'racecheck', 'synccheck'] as const;
const errorExitCode = 86;

/** Runs a Node script under the tools of compute-sanitizer; null where it is not installed. */
export function runSanitizer(
  script: string,
  scriptArguments: readonly string[],
  say: (line: string) => void,
): SanitizerResult[] | null {
  const found = findCudaProgram('compute-sanitizer');
  if (found.command === null) {
    say(`${found.missing}: left out`);
    return null;
  }
  return tools.map((tool) => {
    const { status, stdout, stderr } = spawnSync(
      found.command,
      [
        ...['--tool', tool, '--error-exitcode', String(errorExitCode)],
        ...[process.execPath, script, ...scriptArguments],
      ],
      { encoding: 'utf8', maxBuffer: 2 ** 28 },
    );
    const clean = status === 0;
    say(`compute-sanitizer ${tool}: ${clean ? 'clean' : `FAILED (${String(status)})`}`);
    return { tool, clean, output: `${stdout}\n${stderr}`.trim().split('\n').slice(-20).join('\n') };
  });
}
