/**
 * Gives the fake GPU of native/test/fake_gpu to TensorFlow, before tfjs-node asks that for its devices:
 * `node --import` this module, with the paths that native/test/fake-gpu-check.js sets. In a worker
 * thread it comes in again and does nothing more.
 */
import { createRequire } from 'node:module';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';

const { FAKE_GPU_ADDON: addonPath } = process.env;
if (addonPath === undefined) throw new Error('FAKE_GPU_ADDON names no file.');

const require = createRequire(import.meta.url);
const libraries = join(
  dirname(require.resolve('@tensorflow/tfjs-node/package.json')),
  ...['deps', 'lib'],
);
// As the wheels and as tfjs-node's own download name it.
const library = ['libtensorflow_cc.so.2', 'libtensorflow.so.2']
  .map((name) => join(libraries, name))
  .find((path) => existsSync(path));
if (library === undefined) throw new Error(`There is no TensorFlow in ${libraries}.`);

const addon: { exports: { load?: (path: string) => void } } = { exports: {} };
// Global, so that the simulated CUDA library finds what opens the fake GPU's memory.
process.dlopen(addon, addonPath, constants.dlopen.RTLD_NOW | constants.dlopen.RTLD_GLOBAL);
addon.exports.load?.(library);
