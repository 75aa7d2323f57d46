// Which package manager a project uses, and its words for what npm calls `npx` and `npm install`.
// Types: package-manager.d.ts.
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

export function commandLine(command) {
  return `${words[packageManager()].run} tfjs-alig ${command}`;
}

export function installCommand(packages, { development = false } = {}) {
  const { add, development: flag } = words[packageManager()];
  return [add, ...(development ? [flag] : []), packages].join(' ');
}
