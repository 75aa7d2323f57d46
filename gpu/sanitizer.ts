import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

export interface SanitizerResult {
  readonly tool: string;
  readonly clean: boolean;
  /** The last lines that it printed. */
  readonly output: string;
}

const tools = ['memcheck', 'racecheck', 'synccheck'] as const;
const errorExitCode = 86;

function find(): string | undefined {
  const { CUDA_HOME: home, CUDA_PATH: path } = process.env;
  const folders = [home, path, '/usr/local/cuda'].flatMap((folder) =>
    folder ? [join(folder, 'bin')] : [],
  );
  return ['compute-sanitizer', ...folders.map((folder) => join(folder, 'compute-sanitizer'))].find(
    (command) => spawnSync(command, ['--version']).status === 0,
  );
}

/** Runs a Node script under the tools of compute-sanitizer; null where it is not installed. */
export function runSanitizer(
  script: string,
  scriptArguments: readonly string[],
  say: (line: string) => void,
): SanitizerResult[] | null {
  const command = find();
  if (command === undefined) {
    say('compute-sanitizer was not found: left out');
    return null;
  }
  return tools.map((tool) => {
    const { status, stdout, stderr } = spawnSync(
      command,
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
