/** What is read out of TensorFlow's wheel and out of its messages, to have CUDA's libraries. */
import test from 'ava';
import { gpuComplaint, unloadedLibraries } from '../../lib/platform/tensorflow-messages.js';
import { requirementsOfCuda } from '../../lib/platform/tensorflow-wheel.js';

test('the packages of the extra and-cuda are read with their versions', (t) => {
  const metadata = [
    'Metadata-Version: 2.1',
    'Requires-Dist: absl-py>=1.0.0',
    'Requires-Dist: ml_dtypes<1.0.0,>=0.5.1',
    'Provides-Extra: and-cuda',
    'Requires-Dist: nvidia-cublas-cu12<13.0,>=12.5.3.2; extra == "and-cuda"',
    // As TensorFlow 2.15 to 2.18 wrote it.
    "Requires-Dist: nvidia-cudnn-cu12 ==8.9.4.25 ; extra == 'and-cuda'",
    'Requires-Dist: nvidia-nccl-cu12 (<3.0,>=2.27.7) ; extra == "and-cuda"\r',
    'Requires-Dist: tensorrt; extra == "and-tensorrt"',
    '',
    'Requires-Dist says nothing in prose; extra == "and-cuda"',
  ];
  t.deepEqual(requirementsOfCuda(metadata.join('\n')), [
    'nvidia-cublas-cu12<13.0,>=12.5.3.2',
    'nvidia-cudnn-cu12==8.9.4.25',
    'nvidia-nccl-cu12<3.0,>=2.27.7',
  ]);
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
