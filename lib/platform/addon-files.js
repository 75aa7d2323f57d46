// Where the native add-on lies. Plain JavaScript, because the install scripts run it before anything
// is compiled.
import { MUSL, familySync } from 'detect-libc';
import { join } from 'node:path';

export const addonName = 'tfjs_alig.node';

/**
 * The running platform as the folders of prebuilds/ are named, with the C library where Linux has
 * another one than glibc: `linux-x64`, `linux-x64-musl`.
 * @returns {string}
 */
export function platformName() {
  const musl = process.platform === 'linux' && familySync() === MUSL ? '-musl' : '';
  return `${process.platform}-${process.arch}${musl}`;
}

/**
 * The add-on that comes with the package for a platform, by default the running one.
 * @param {string} packageRoot
 * @param {string} [platform]
 * @returns {string}
 */
export function prebuiltAddon(packageRoot, platform = platformName()) {
  return join(packageRoot, 'prebuilds', platform, addonName);
}

/**
 * The add-on that a build from source makes.
 * @param {string} packageRoot
 * @param {'Release' | 'Debug'} [configuration]
 * @returns {string}
 */
export function builtAddon(packageRoot, configuration = 'Release') {
  return join(packageRoot, 'build', configuration, addonName);
}

/**
 * The CUDA engine that comes with the package for the running platform, where there is one for it:
 * native/cuda/loaded_library.cc looks for it there.
 * @param {string} packageRoot
 * @param {string} [platform]
 * @returns {string}
 */
export function prebuiltCudaEngine(packageRoot, platform = platformName()) {
  return join(packageRoot, 'prebuilds', platform, 'libtfjs_alig_cuda.so');
}
