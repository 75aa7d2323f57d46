/**
 * The package manager of the project that the folder `from` (default: the current one) lies in, by
 * its lock file; without one, the manager that started this process, else npm.
 */
export function packageManager(from?: string): 'npm' | 'pnpm' | 'yarn' | 'bun';

/** How a user of the current folder's project runs a command of tfjs-alig: `npx tfjs-alig build`. */
export function commandLine(command: string): string;

/** How they install packages, given as the manager takes them: `npm install a b@1`. */
export function installCommand(packages: string, options?: { development?: boolean }): string;
