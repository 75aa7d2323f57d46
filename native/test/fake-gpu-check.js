// The add-on in TensorFlow's own code for GPUs, on a GPU that is none: fake_gpu/ as TensorFlow's
// device, and the CUDA engine under the shim. The programs are those of test/cuda/fake-gpu, each in
// a process of its own.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { injectBug } from './injected-check.js';
import { injectedBugs, oldDriver } from './injected-bugs.js';
import { build, findShimTools } from './shim-build.js';
import { CheckFailure, MissingTool, packageRoot, run, runChecked } from './tools.js';

const programs = join(packageRoot, 'dist', 'test', 'cuda', 'fake-gpu');
const quiet = { TF_CPP_MIN_LOG_LEVEL: '2' };

/** What the check needs: beside the shim's tools the compiled tests, the add-on and TensorFlow. */
export function findFakeGpuTools() {
  findShimTools();
  const runtime = join('node_modules', '@tensorflow', 'tfjs-node', 'deps', 'lib');
  for (const [path, remedy] of [
    [join(programs, 'device.js'), 'npm run compile'],
    [join(packageRoot, 'build', 'Release', 'tfjs_alig.node'), 'npx tfjs-alig build'],
    [join(packageRoot, runtime, 'libtensorflow_framework.so.2'), 'npx tfjs-alig tensorflow'],
  ]) {
    if (!existsSync(path)) throw new MissingTool(`${path} is not there: ${remedy}`);
  }
}

/**
 * How Node runs a program on fake GPUs.
 * @param {string} program
 * @param {{ addon: string, library: string, gpus?: number, driver?: NodeJS.ProcessEnv }} device
 * @returns {Parameters<typeof run>}
 */
function onFakeGpu(program, { addon, library, gpus = 1, driver = {} }) {
  const environment = {
    ...quiet,
    ...driver,
    FAKE_GPU_ADDON: addon,
    FAKE_GPU_COUNT: String(gpus),
    // So late that a step comes before what it must wait for, also on a machine that has much to do.
    ...(program === 'late-streams' && { FAKE_GPU_DELAY: '5000' }),
    TFJS_ALIG_CUDA_LIBRARY: library,
  };
  const device = join(programs, 'device.js');
  return [
    process.execPath,
    ['--import', device, '--conditions=tfjs-alig:modules', join(programs, `${program}.js`)],
    { environment },
  ];
}

/** The same training on the fake GPU and on the CPU, as the program prints it. */
function checkTraining(/** @type {Parameters<typeof onFakeGpu>[1]} */ device) {
  const training = (/** @type {string} */ text) => JSON.parse(text.trim().split('\n').at(-1));
  const [node, [, , ...withoutDevice]] = onFakeGpu('training', device);
  const onGpu = training(runChecked(...onFakeGpu('training', device)).stdout);
  const onCpu = training(runChecked(node, withoutDevice, { environment: quiet }).stdout);
  if (onGpu.engine !== 'tensorflow-cuda' || onCpu.engine !== 'tensorflow-cpu') {
    throw new CheckFailure(`the training ran on ${onGpu.engine} and ${onCpu.engine}`);
  }
  if (!isDeepStrictEqual({ ...onGpu, engine: null }, { ...onCpu, engine: null })) {
    throw new CheckFailure(
      `the training differs:\n${JSON.stringify(onGpu)}\nand on the CPU\n${JSON.stringify(onCpu)}`,
    );
  }
  console.log(`  model.fit: the losses ${onGpu.losses.map((loss) => loss.toFixed(4)).join(', ')}`);
}

/** Two ranks, each with a fake GPU of its own. */
function checkRanks(/** @type {Parameters<typeof onFakeGpu>[1]} */ device) {
  if (!run('mpirun', ['--version']).ok) {
    console.log('  two ranks: left out, mpirun is missing');
    return;
  }
  const [node, parameters, options] = onFakeGpu('ranks', device);
  const flags = ['--allow-run-as-root', '--oversubscribe', '-n', '2'];
  const { stdout } = runChecked('mpirun', [...flags, node, ...(parameters ?? [])], options);
  console.log(`  ${stdout.trim()}`);
}

/** The steps must be wrong where they do not wait for TensorFlow's streams. */
function tryBugs(/** @type {string} */ addon) {
  const bugs = injectedBugs.filter((bug) => bug.build === 'fake-gpu');
  const targetOf = (/** @type {{ name: string }} */ { name }) => `tfjs_alig_cuda_simt_${name}`;
  const folder = build('plain', bugs.map(targetOf), { injected: bugs.map(injectBug) });
  for (const bug of bugs) {
    const library = join(folder, `lib${targetOf(bug)}.so`);
    const device = { addon, library, driver: bug.environment };
    const { ok, output } = run(...onFakeGpu('late-streams', device));
    const said = bug.says.exec(output);
    if (ok || said === null) {
      throw new CheckFailure(`the bug '${bug.name}' was not found:\n${output.slice(-2000)}`);
    }
    console.log(`  ${bug.name}: found (${said[0]})`);
  }
}

export function checkFakeGpu() {
  const folder = build('plain', ['fake_gpu', 'tfjs_alig_cuda_simt']);
  const device = {
    addon: join(folder, 'fake_gpu.node'),
    library: join(folder, 'libtfjs_alig_cuda_simt.so'),
  };
  for (const program of ['late-streams', 'state-in-place', 'workers', 'step-cases']) {
    console.log(`  ${runChecked(...onFakeGpu(program, device)).stdout.trim()}`);
  }
  const two = runChecked(...onFakeGpu('late-streams', { ...device, gpus: 2 }));
  console.log(`  two GPUs: ${two.stdout.trim()}`);
  const old = runChecked(...onFakeGpu('late-streams', { ...device, driver: oldDriver }));
  console.log(`  a driver before CUDA 12.5: ${old.stdout.trim()}`);
  checkRanks(device);
  checkTraining(device);
  tryBugs(device.addon);
}
