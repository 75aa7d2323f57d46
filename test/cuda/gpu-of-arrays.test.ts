/** A step of TensorFlow runs on the GPU on which its arrays lie, of several that are the CPU. */
import { join } from 'node:path';
import { packageRoot } from '../platform/folders.js';
import { runNode } from '../platform/run.js';
import { testsThatNeed } from '../support/needs.js';
import { simulatedGpu, simulatedLibrary } from '../support/simulated-cuda.js';

const library = await simulatedLibrary();
const check = testsThatNeed(simulatedGpu, 'missing' in library ? library.missing : undefined);

/** What a step gives whose loss, parameters and gradients lie on these GPUs, asked in turn. */
async function stepOver(devices: string): Promise<string> {
  const program = join(packageRoot, 'dist', 'test', 'support', 'step-on-cuda.js');
  const { output } = await runNode(['--conditions=tfjs-alig:modules', program], {
    cwd: packageRoot,
    environment: {
      TF_CPP_MIN_LOG_LEVEL: '2',
      TFJS_ALIG_CUDA_LIBRARY: 'path' in library ? library.path : '',
      SIMT_MEMORY_DEVICES: devices,
    },
  });
  return output;
}

check("arrays on CUDA's second or third GPU are stepped there", async (t) => {
  // The kernels of the simulated GPUs refuse the memory of another one.
  for (const device of ['1', '2']) t.regex(await stepOver(device), /^no difference$/m);
});

check('arrays on two GPUs are an error that names both, and what to do', async (t) => {
  const error =
    /the loss is on GPU 0 and parameter 0 on GPU 1, but a step runs on one: .*CUDA_VISIBLE_DEVICES/;
  t.regex(await stepOver('0,1'), error);
  const gradient = /parameter 0 is on GPU 0 and the gradient of parameter 0 on GPU 1/;
  t.regex(await stepOver('0,0,1'), gradient);
});

check("an array in the host's memory is an error that names it", async (t) => {
  const error = /the step on the GPU was given parameter 0, and it is not in a GPU's memory/;
  t.regex(await stepOver('0,-1'), error);
});
