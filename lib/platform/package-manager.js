// Which package manager a project uses, and its words for what npm calls `npx` and `npm install`.
// Plain JavaScript, because the install scripts run it before anything is compiled.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

const lockFiles = [
  ['package-lock.json', 'npm'],
  ['npm-shrinkwrap.json', 'npm'],
  ['pnpm-lock.yaml', 'pnpm'],
  ['yarn.lock', 'yarn'],
  ['bun.lock', 'bun'],
  ['bun.lockb', 'bun'],
];

const words = {
  npm: { run: 'npx', add: 'npm install', development: '--save-dev' },
  pnpm: { run: 'pnpm exec', add: 'pnpm add', development: '--save-dev' },
  yarn: { run: 'yarn', add: 'yarn add', development: '--dev' },
  bun: { run: 'bunx', add: 'bun add', development: '--dev' },
};

/**
 * The package manager of the project that the folder `from` (default: the current one) lies in, by
 * its lock file; without one, the manager that started this process, else npm.
 * @param {string} [from]
 * @returns {'npm' | 'pnpm' | 'yarn' | 'bun'}
 */
export function packageManager(from = process.cwd()) {
  // The lock file first: `npx` in a project of another manager still is npm.
  for (let folder = from; ; folder = dirname(folder)) {
    const found = lockFiles.find(([file]) => existsSync(join(folder, file)));
    if (found) {
      return found[1];
    }
    if (folder === dirname(folder)) {
      break;
    }
  }
  // As in "pnpm/10.33.0 npm/? node/v22.23.5 linux x64".
  const agent = process.env.npm_config_user_agent?.split('/')[0] ?? '';
  return agent in words ? agent : 'npm';
}

/**
 * How a user of the current folder's project runs a command of tfjs-alig: `npx tfjs-alig build`.
 * @param {string} command
 * @returns {string}
 */
export function commandLine(command) {
  return `${words[packageManager()].run} tfjs-alig ${command}`;
}

/**
 * How they install packages, given as the manager takes them: `npm install a b@1`.
 * @param {string} packages
 * @param {{ development?: boolean }} [options]
 * @returns {string}
 */
export function installCommand(packages, { development = false } = {}) {
  const { add, development: flag } = words[packageManager()];
  return [add, ...(development ? [flag] : []), packages].join(' ');
}
