// Where the native add-on lies. Types: addon-files.d.ts.
import { MUSL, familySync } from 'detect-libc';
import { join } from 'node:path';

const file = 'tfjs_alig.node';

/** Platform and architecture, with the C library where Linux has another one than glibc. */
export function platformName() {
  const musl = process.platform === 'linux' && familySync() === MUSL ? '-musl' : '';
  return `${process.platform}-${process.arch}${musl}`;
}

export function prebuiltAddon(packageRoot, platform = platformName()) {
  return join(packageRoot, 'prebuilds', platform, file);
}

export function builtAddon(packageRoot, configuration = 'Release') {
  return join(packageRoot, 'build', configuration, file);
}
