/**
 * @tensorflow/tfjs-node-gpu itself: its files, its binding over the TensorFlow that is here, AliG trained on
 * the CPU kernels of it and on a fake GPU, and what the commands say of it.
 */
import { existsSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ExecutionContext } from 'ava';
import type { DoctorReport } from '../../cli/examine.js';
import { buildBinding } from '../../lib/platform/tensorflow-binding.js';
import { packageRoot, projectWithTensorFlow } from '../platform/folders.js';
import { runNode } from '../platform/run.js';
import { testsThatNeed } from '../support/needs.js';
import { fakeGpu, simulatedGpu, simulatedLibrary } from '../support/simulated-cuda.js';

const source = join(packageRoot, 'build', 'tfjs-node-gpu', 'package');
const main = join(packageRoot, 'dist', 'cli', 'main.js');
const programs = join(packageRoot, 'dist', 'test', 'cuda', 'fake-gpu');

const need = '@tensorflow/tfjs-node-gpu';
const missing = existsSync(source) ? undefined : 'fetch it with .ci/tfjs-node-gpu';
const check = testsThatNeed(need, missing);
const [device, library] = [await fakeGpu(), await simulatedLibrary()];
const checkOnGpu =
  missing === undefined
    ? testsThatNeed(simulatedGpu, 'missing' in device ? device.missing : undefined)
    : testsThatNeed(need, missing);

/** A project that has the package, with its binding over tfjs-node's TensorFlow, and links to all else. */
async function projectWithGpuPackage(t: ExecutionContext) {
  const { project, copy } = projectWithTensorFlow(t, { gpu: true, source });
  const deps = join(packageRoot, 'node_modules', '@tensorflow', 'tfjs-node', 'deps');
  symlinkSync(deps, join(copy, 'deps'));
  await buildBinding(copy, { logPath: join(project, 'binding.log') });
  return { project, copy };
}

/** What makes every Node give TensorFlow the fake GPU. */
function onFakeGpu(): NodeJS.ProcessEnv {
  if ('missing' in device || 'missing' in library) throw new Error('asked without the tools');
  return {
    NODE_OPTIONS: `--import=${pathToFileURL(join(programs, 'device.js')).href}`,
    FAKE_GPU_ADDON: device.path,
    TFJS_ALIG_CUDA_LIBRARY: library.path,
  };
}

interface Training {
  readonly engine: string;
  readonly losses: number[];
  readonly weights: number[][];
}

/** Trains with AliG in a process of its own; `module`: another tfjs-node. */
async function train(
  t: ExecutionContext,
  module: string | undefined,
  environment: NodeJS.ProcessEnv = {},
): Promise<Training> {
  const { exitCode, output } = await runNode(
    ['--conditions=tfjs-alig:modules', join(programs, 'training.js')],
    {
      cwd: packageRoot,
      environment: {
        TF_CPP_MIN_LOG_LEVEL: '2',
        ...environment,
        ...(module !== undefined && { TFJS_NODE_MODULE: pathToFileURL(module).href }),
      },
    },
  );
  t.is(exitCode, 0, output);
  return JSON.parse(output.trim().split('\n').at(-1)!) as Training;
}

async function examine(project: string, environment: NodeJS.ProcessEnv = {}) {
  const { standardOutput } = await runNode([main, 'doctor', '--json'], {
    cwd: project,
    environment,
  });
  return JSON.parse(standardOutput) as DoctorReport;
}

/** The package as the doctor sees it: in the project, beside the repository's tfjs-node. */
function gpuPackageOf({ tensorFlow }: DoctorReport) {
  return tensorFlow.find(({ package: { name } }) => name === need);
}

check('AliG trains on the CPU kernels of tfjs-node-gpu, with the bits of tfjs-node', async (t) => {
  const { project, copy } = await projectWithGpuPackage(t);
  const training = await train(t, join(copy, 'dist', 'index.js'));
  t.is(training.engine, 'tensorflow-cpu');
  t.true(training.losses.at(-1)! < training.losses[0]!);
  t.deepEqual(training, await train(t, undefined));

  const report = await examine(project);
  t.like(gpuPackageOf(report), {
    package: { version: '4.22.0' },
    runtime: { status: 'works', usesGpu: false },
    registration: { status: 'works' },
  });
  t.regex(gpuPackageOf(report)?.noGpu?.remedy ?? '', /driver|npx tfjs-alig tensorflow --gpu/);
});

checkOnGpu(
  'AliG trains on the GPU kernels of tfjs-node-gpu, with the bits of the CPU',
  async (t) => {
    const { project, copy } = await projectWithGpuPackage(t);
    const training = await train(t, join(copy, 'dist', 'index.js'), onFakeGpu());
    t.is(training.engine, 'tensorflow-cuda');
    t.deepEqual({ ...training, engine: '' }, { ...(await train(t, undefined)), engine: '' });

    const { exitCode, output } = await runNode([main, 'tensorflow', '--gpu'], {
      cwd: project,
      environment: onFakeGpu(),
    });
    t.is(exitCode, 0, output);
    const works =
      /^@tensorflow\/tfjs-node-gpu 4\.22\.0 works: TensorFlow [\d.]+ on the GPU, already/m;
    t.regex(output, works);
    const report = await examine(project, onFakeGpu());
    t.like(gpuPackageOf(report), {
      runtime: { status: 'works', usesGpu: true },
      registration: { status: 'works' },
      noGpu: null,
    });
    t.is(report.engines.tensorFlow, 'tensorflow-cuda');
  },
);
