/**
 * Makes a process without the native add-on of one that has it: import it before the package takes
 * its first step. The steps of the cpu backend are then made by the reference in TypeScript.
 */
import { createRequire } from 'node:module';
import { addonPaths } from '../../lib/platform/addon.js';

const { cache } = createRequire(import.meta.url);
for (const path of addonPaths()) {
  // What require finds at once; an add-on of another version is not used.
  cache[path] = { exports: { version: 'none, for a test' } } as NodeJS.Module;
}
