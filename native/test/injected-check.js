// Tries the checks: each bug of injected-bugs.js must be found by the build that it names.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { injectedBugs } from './injected-bugs.js';
import { build, sanitizerEnvironment } from './shim-build.js';
import { CheckFailure, checksFolder, packageRoot, run } from './tools.js';

/**
 * Makes a copy of native/cuda with a bug and returns the folder that it lies in.
 * @param {import('./injected-bugs.js').InjectedBug} bug
 */
export function injectBug({ name, file, find, replace }) {
  const folder = join(checksFolder, 'injected', name);
  const copy = join(folder, 'cuda');
  mkdirSync(copy, { recursive: true });
  cpSync(join(packageRoot, 'native', 'cuda'), copy, { recursive: true, preserveTimestamps: true });
  const pieces = readFileSync(join(copy, file), 'utf8').split(find);
  if (pieces.length !== 2) {
    throw new CheckFailure(
      `${name}: its text occurs ${pieces.length - 1} times in native/cuda/${file}, not once; ` +
        'adapt native/test/injected-bugs.js',
    );
  }
  writeFileSync(join(copy, file), pieces.join(replace));
  return folder;
}

/**
 * Runs the cases over an engine with a bug, which they must find.
 * @param {import('./injected-bugs.js').InjectedBug} bug
 * @param {string} program
 */
export function expectFound(bug, program) {
  // Large cases take a sanitizer minutes, and it looks at memory alone.
  const options = { plain: ['--large'], ptx: [] }[bug.build] ?? ['--memory'];
  const result = run(program, options, { environment: sanitizerEnvironment });
  const output = `${result.output}${result.signal ?? ''}`;
  if (result.ok || !bug.says.test(output)) {
    throw new CheckFailure(
      `the bug '${bug.name}' was not found by the build '${bug.build}':\n${output.slice(-2000)}`,
    );
  }
  console.log(`  ${bug.name}: found by the build '${bug.build}' (${bug.says.exec(output)?.[0]})`);
}

export function checkInjected() {
  const programOf = (/** @type {{ name: string }} */ { name }) => `engine_test_${name}`;
  for (const name of /** @type {const} */ (['plain', 'address', 'thread'])) {
    const bugs = injectedBugs.filter((bug) => bug.build === name);
    // All of a build together, so that they are compiled side by side.
    const programs = build(name, bugs.map(programOf), { injected: bugs.map(injectBug) });
    for (const bug of bugs) expectFound(bug, join(programs, programOf(bug)));
  }
}
