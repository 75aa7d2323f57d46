import type { AddonState } from './addon.js';

/** Browsers have no native add-on; bundlers take this file in place of addon.ts. */
export function addonState(): AddonState {
  return { addon: null, attempts: [], report: 'A browser cannot load the native add-on.' };
}
