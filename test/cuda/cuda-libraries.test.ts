/** Which of CUDA's libraries are downloaded, and which TensorFlow's messages name. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { cudaPackages, wheelHashes } from '../../lib/platform/known-wheels.js';
import {
  driverRemedy,
  hiddenGpuRemedy,
  noGpuProblem,
  whyNoGpu,
} from '../../lib/platform/tensorflow-gpu.js';
import { gpuComplaint, unloadedLibraries } from '../../lib/platform/tensorflow-messages.js';
import { cudaFolder } from '../../lib/platform/tensorflow-wheel.js';
import { temporaryFolder } from '../platform/folders.js';
import { testsThatNeed } from '../support/needs.js';

test("NVIDIA's packages are pinned, each by the SHA-256 of one wheel", (t) => {
  const versions = Object.entries(cudaPackages);
  t.true(versions.length > 0);
  const wheels = Object.keys(wheelHashes);
  for (const [name, version] of versions) {
    const prefix = `${name.replaceAll('-', '_')}-${version}-`;
    t.is(wheels.filter((wheel) => wheel.startsWith(prefix)).length, 1, name);
  }
  const files = wheels.filter((wheel) => wheel.startsWith('nvidia_'));
  t.is(files.length, versions.length);
  for (const hash of Object.values(wheelHashes)) t.regex(hash, /^[0-9a-f]{64}$/);
});

test('each library that TensorFlow failed to load is named once', (t) => {
  // Printed by TensorFlow 2.21 over a driver and without libcusolver.
  const output = [
    'I0000 00:00:1.490163 1 dso_loader.cc:133] Successfully opened dynamic library libcublas.so.12',
    "I0000 00:00:1.497792 1 dso_loader.cc:144] Could not load dynamic library 'libcusolver.so.11'; " +
      'dlerror: libcusolver.so.11: cannot open shared object file: No such file or directory; ' +
      'LD_LIBRARY_PATH: stub',
    "I0000 00:00:1.497799 1 dso_loader.cc:144] Could not load dynamic library 'libcusolver.so.11'; " +
      'dlerror: libcusolver.so.11: cannot open shared object file: No such file or directory',
    'W0000 00:00:1.513411 1 gpu_device.cc:2365] Cannot dlopen some GPU libraries. Please make sure',
  ].join('\n');
  t.deepEqual(unloadedLibraries(output), [
    {
      name: 'libcusolver.so.11',
      problem: 'libcusolver.so.11: cannot open shared object file: No such file or directory',
    },
  ]);
  t.is(gpuComplaint(output), 'Cannot dlopen some GPU libraries');
  t.deepEqual(unloadedLibraries(''), []);
  t.is(gpuComplaint(''), undefined);
});

/** What TensorFlow prints of a library that it does not find. */
const notFound = (name: string) =>
  `dso_loader.cc:144] Could not load dynamic library '${name}'; ` +
  `dlerror: ${name}: cannot open shared object file: No such file or directory\n`;

const command = 'npx tfjs-alig tensorflow --gpu';
const onX64 = testsThatNeed(
  "an x64 processor, for which alone the wheels have CUDA's kernels",
  process.arch === 'x64' ? undefined : `this one is ${process.arch}`,
);

onX64('each reason why TensorFlow uses no GPU has a remedy that does not come back to it', (t) => {
  const directory = temporaryFolder(t);
  const remedy = (output: string, driver = true) =>
    whyNoGpu(output, { directory }, { command, driver }).remedy;
  t.is(remedy(notFound('libcuda.so.1')), driverRemedy);
  t.is(remedy('', false), driverRemedy);
  // Of tfjs-node's own download, which brings no library: the wheel does.
  t.is(remedy(notFound('libcudart.so.11.0')), command);
  t.is(remedy(''), command);
  mkdirSync(join(directory, 'deps', cudaFolder), { recursive: true });
  t.is(remedy(notFound('libcudnn.so.9')), `${command} --force`);
  writeFileSync(join(directory, 'deps', cudaFolder, 'libcudnn.so.9'), '');
  t.regex(remedy(notFound('libcudnn.so.9')), /^see where the loader looks: LD_DEBUG=libs /);
  t.is(remedy('failed call to cuInit: CUDA_ERROR_NO_DEVICE\n'), hiddenGpuRemedy);
});

test('the problem names the libraries that are lacking, else what TensorFlow said', (t) => {
  const problem = (output: string) =>
    noGpuProblem(whyNoGpu(output, { directory: '/nowhere' }, { command, driver: true }));
  t.regex(
    problem(notFound('libcudnn.so.9') + notFound('libcufft.so.11')),
    /does not use the GPU; libcudnn\.so\.9: cannot open .*; libcufft\.so\.11: cannot open /,
  );
  t.regex(problem('failed call to cuInit: CUDA_ERROR_UNKNOWN\n'), /; failed call to cuInit: CUDA_/);
  t.regex(problem(''), /; it does not say why/);
});
