import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { DoctorReport } from '../../cli/examine.js';
import {
  packageRoot,
  packageWithAddonSource,
  packageWithoutAddon,
  projectWithTensorFlow,
  withoutIsNullOrUndefined,
} from '../platform/folders.js';
import { runNode } from '../platform/run.js';

async function examine(
  folder: string,
  cwd: string,
  environment: NodeJS.ProcessEnv = {},
): Promise<{ report: DoctorReport; exitCode: number | null }> {
  const main = join(folder, 'dist', 'cli', 'main.js');
  const { output, exitCode } = await runNode([main, 'doctor', '--json'], {
    cwd,
    environment,
  });
  return { report: JSON.parse(output) as DoctorReport, exitCode };
}

test('without the add-on the doctor names the command and is content', async (t) => {
  const { report, exitCode } = await examine(packageWithoutAddon(t), packageRoot);
  t.is(exitCode, 0);
  t.true(report.healthy);
  t.true(report.canTrain);
  t.like(report.addon, { status: 'missing', remedy: 'npx tfjs-alig build' });
  t.is(report.engines.hostArrays, 'typescript');
  t.is(report.engines.otherBackends, 'portable');
  t.is(report.node, process.version);
});

test('without a compiler the doctor says what to install before it says build', async (t) => {
  const { report, exitCode } = await examine(packageWithoutAddon(t), packageRoot, {
    CXX: '/nowhere/g++',
  });
  t.is(exitCode, 0);
  t.is(report.build.compiler.command, null);
  t.is(report.build.missing.length, 1);
  t.regex(report.build.missing[0]!, /CXX names \("\/nowhere\/g\+\+"\) could not be run/);
  t.regex('remedy' in report.addon ? report.addon.remedy : '', /^install .*CXX.*\. Then npx/);
});

test('the doctor names each thing that a build lacks', async (t) => {
  const { report } = await examine(packageWithoutAddon(t), packageRoot, { PATH: '', CXX: '' });
  const missing = report.build.missing.join('\n');
  for (const sign of [/no C\+\+ compiler/, /make was not found/, /Python 3 was not found/]) {
    t.regex(missing, sign);
  }
});

test('a second copy of tfjs-core is broken', async (t) => {
  const { project } = projectWithTensorFlow(t);
  const copy = join(project, 'node_modules', '@tensorflow', 'tfjs-core');
  // A link to the copy that all others use.
  rmSync(copy);
  const manifest = join('node_modules', '@tensorflow', 'tfjs-core', 'package.json');
  mkdirSync(copy);
  cpSync(join(packageRoot, manifest), join(project, manifest));
  const { report, exitCode } = await examine(packageWithoutAddon(t), project);
  t.is(exitCode, 1);
  t.false(report.canTrain);
  t.is(report.core.status, 'broken');
  t.regex('problem' in report.core ? report.core.problem : '', /several copies of .*your project/);
  t.regex('remedy' in report.core ? report.core.remedy : '', /tfjs-core@[\d.]+$/);
});

test('with the add-on and a runtime a step is an op of TensorFlow', async (t) => {
  const { report, exitCode } = await examine(packageRoot, packageRoot);
  t.is(exitCode, 0);
  t.like(report.addon, { status: 'works', version: report.packageVersion });
  t.like(report.tensorFlow[0], {
    package: { name: '@tensorflow/tfjs-node' },
    runtime: { status: 'works' },
    registration: { status: 'works' },
  });
  t.deepEqual(report.engines, {
    tensorFlow: 'tensorflow-cpu',
    hostArrays: 'native-cpu',
    deviceBuffers: null,
    otherBackends: 'portable',
  });
});

test('environment variables set the instruction set and the number of threads', async (t) => {
  const { report } = await examine(packageRoot, packageRoot, {
    TFJS_ALIG_INSTRUCTION_SET: 'baseline',
    TFJS_ALIG_THREADS: '3',
  });
  t.like(report.addon, { status: 'works', instructionSet: 'baseline', threads: 3 });
});

for (const [variable, value] of [
  ['TFJS_ALIG_INSTRUCTION_SET', 'avx3'],
  ['TFJS_ALIG_THREADS', 'abc'],
] as const) {
  test(`a wrong value of ${variable} is named by the doctor and by a step`, async (t) => {
    const environment = { [variable]: value };
    const { report, exitCode } = await examine(packageRoot, packageRoot, environment);
    t.is(exitCode, 1);
    t.like(report.addon, { status: 'broken', remedy: `unset ${variable}` });
    const script =
      "import * as tf from '@tensorflow/tfjs-node'; import { AliG } from 'tfjs-alig';" +
      'const variable = tf.variable(tf.ones([2]));' +
      'try { new AliG({ maxLearningRate: 1 }).minimize(() => variable.square().sum()); }' +
      'catch (error) { console.log(`[${error.message}]`); }';
    const { output } = await runNode(['--input-type=module', '--eval', script], {
      cwd: packageRoot,
      environment,
    });
    // Without a "TF_Status" before it.
    t.regex(output, new RegExp(`^\\[${variable}.*'${value}'`, 'm'));
  });
}

test('an add-on that cannot be loaded is broken, and the exit code is 1', async (t) => {
  const folder = packageWithoutAddon(t);
  mkdirSync(join(folder, 'build', 'Release'), { recursive: true });
  writeFileSync(join(folder, 'build', 'Release', 'tfjs_alig.node'), 'not a library');
  const { report, exitCode } = await examine(folder, packageRoot);
  t.is(exitCode, 1);
  t.false(report.healthy);
  t.like(report.addon, { status: 'broken', remedy: 'npx tfjs-alig build' });
  t.is(report.engines.hostArrays, 'typescript');
});

test('an add-on that ends its process does not end the doctor', async (t) => {
  const source = '#include <stdlib.h>\n__attribute__((constructor)) void end(void) { abort(); }\n';
  const folder = packageWithAddonSource(t, source);
  const built = await runNode([join('install', 'build.js'), '--strict'], {
    cwd: folder,
    environment: { TFJS_ALIG_SKIP_CUDA: '1', TFJS_ALIG_SKIP_MPI: '1' },
  });
  t.is(built.exitCode, 0, built.output);
  const { report, exitCode } = await examine(folder, packageRoot);
  t.is(exitCode, 1);
  t.is(report.addon.status, 'broken');
  t.regex('problem' in report.addon ? report.addon.problem : '', /by signal SIGABRT/);
});

test('with a tfjs-node without a runtime nothing is broken, and a training is not possible', async (t) => {
  const { project } = projectWithTensorFlow(t);
  const { report, exitCode } = await examine(packageWithoutAddon(t), project);
  t.is(exitCode, 1);
  t.true(report.healthy);
  t.false(report.canTrain);
  t.like(report.tensorFlow[0], {
    runtime: { status: 'missing', remedy: 'npx tfjs-alig tensorflow' },
    registration: null,
  });
  t.is(report.engines.tensorFlow, null);
});

test('a tfjs-node whose binding fails is broken', async (t) => {
  const { project, copy } = projectWithTensorFlow(t);
  const binding = join(copy, 'lib', 'napi-v8');
  mkdirSync(binding, { recursive: true });
  writeFileSync(join(binding, 'tfjs_binding.node'), 'not a library');
  const { report, exitCode } = await examine(packageWithoutAddon(t), project);
  t.is(exitCode, 1);
  t.like(report.tensorFlow[0], {
    runtime: { status: 'broken', remedy: 'npx tfjs-alig tensorflow' },
  });
});

test('what Node has taken away from tfjs-node the doctor says to be given back', async (t) => {
  const NODE_OPTIONS = withoutIsNullOrUndefined(t);
  const { report, exitCode } = await examine(packageRoot, packageRoot, { NODE_OPTIONS });
  t.is(exitCode, 0);
  t.false(report.utilFunctions.skipped);
  t.true(report.utilFunctions.set.includes('isNullOrUndefined'));
  t.like(report.tensorFlow[0], { runtime: { status: 'works' } });
});

test('and where that is left out, tfjs-node is broken, with what fixes it', async (t) => {
  const { project } = projectWithTensorFlow(t);
  const { report, exitCode } = await examine(packageWithoutAddon(t), project, {
    NODE_OPTIONS: withoutIsNullOrUndefined(t),
    TFJS_ALIG_SKIP_UTIL_FUNCTIONS: '1',
  });
  t.is(exitCode, 1);
  t.deepEqual(report.utilFunctions, { set: [], skipped: true });
  t.like(report.tensorFlow[0], {
    runtime: { status: 'broken', remedy: 'unset TFJS_ALIG_SKIP_UTIL_FUNCTIONS' },
    registration: null,
  });
  t.is(report.engines.tensorFlow, null);
});

test('the report for people has no JSON and names each part', async (t) => {
  const main = join(packageRoot, 'dist', 'cli', 'main.js');
  const { output } = await runNode([main, 'doctor'], { cwd: packageRoot });
  for (const part of [
    'Node-API',
    'node:util',
    'tfjs-core',
    'C++ compiler',
    'Build from source',
    'Native add-on',
    'TensorFlow runtime',
  ]) {
    t.true(output.includes(part), part);
  }
});
