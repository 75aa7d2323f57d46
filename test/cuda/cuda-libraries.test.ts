/** Which of CUDA's libraries are downloaded, and which TensorFlow's messages name. */
import test from 'ava';
import { cudaPackages, wheelHashes } from '../../lib/platform/known-wheels.js';
import { gpuComplaint, unloadedLibraries } from '../../lib/platform/tensorflow-messages.js';

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
