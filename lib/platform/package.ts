import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The installed package's own folder: this file runs as dist/lib/platform/package.js in it. */
export const packageRoot = fileURLToPath(new URL('../../../', import.meta.url));

/** The version that package.json names. */
export function packageVersion(): string {
  const text = readFileSync(join(packageRoot, 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
