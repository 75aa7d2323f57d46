/** The package as npm packs it: what a user gets who installs it, imports it or bundles it. */
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import test, { type ExecutionContext } from 'ava';
import { build } from 'esbuild';
import { execFile } from 'node:child_process';
import { access, copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { platformName } from '../../lib/platform/addon-files.js';
import { packageVersion } from '../../lib/platform/version.js';
import { builtinModules } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { AliG } from '../../lib/index.js';

const run = promisify(execFile);
// Compiled tests lie in dist/test.
const root = fileURLToPath(new URL('../../../', import.meta.url));

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly devDependencies: Readonly<Record<string, string>>;
}

let manifest: Manifest;
let folder: string;
let tarball: string;

/** npm without its hooks: the package is compiled already, and the install script has own tests. */
function npm(cwd: string, ...parameters: string[]): Promise<unknown> {
  return run('npm', [...parameters, '--ignore-scripts', '--no-audit', '--no-fund'], { cwd });
}

test.before(async () => {
  manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as Manifest;
  folder = await mkdtemp(join(tmpdir(), 'tfjs-alig-consumer-'));
  // Compiles only what has changed since the last time.
  await run(process.execPath, [join(root, 'install/prebuild.js'), platformName()], {
    maxBuffer: 2 ** 26,
  });
  await npm(root, 'pack', '--pack-destination', folder);
  tarball = join(folder, `${manifest.name}-${manifest.version}.tgz`);
  const consumer = { name: 'consumer', private: true, type: 'module' };
  await writeFile(join(folder, 'package.json'), JSON.stringify(consumer));
  const packages = ['@tensorflow/tfjs-core', '@tensorflow/tfjs-backend-cpu'];
  // What npm ci has fetched for this repository is in npm's cache.
  await npm(
    folder,
    'install',
    '--prefer-offline',
    tarball,
    ...packages.map((name) => `${name}@${manifest.devDependencies[name]!}`),
  );
});

test.after.always(async () => {
  await rm(folder, { recursive: true, force: true });
});

test('publint has nothing to say about the packed package', async (t) => {
  const packed = await readFile(tarball);
  const { messages, pkg } = await publint({
    strict: true,
    pack: { tarball: Uint8Array.from(packed).buffer },
  });
  t.deepEqual(
    messages.map((message) => formatMessage(message, pkg)),
    [],
  );
});

test('the code and package.json name the same version', (t) => {
  t.is(packageVersion, manifest.version);
});

/** Makes one step over variables and one over arrays; writes what served as the last line. */
const step = `
  const weights = tf.variable(tf.tensor1d([3, 4]), true, 'weights');
  const optimizer = new AliG({ maxLearningRate: null, momentum: 0, epsilon: 0 });
  optimizer.applyGradients({ weights: tf.tensor1d([6, 8]) }, { loss: 25 });
  const parameters = [Float32Array.of(3, 4)];
  const report = fusedAliGStep({ parameters, gradients: [Float32Array.of(6, 8)], loss: 25, epsilon: 0 });
  console.log(JSON.stringify({
    engines: [optimizer.lastStep.engine, report.engine],
    values: [...weights.dataSync(), ...parameters[0]],
  }));
`;

async function assertSteps(t: ExecutionContext, file: string, source: string): Promise<void> {
  await writeFile(join(folder, file), source);
  const { stdout, stderr } = await run(process.execPath, [file], { cwd: folder });
  t.deepEqual(JSON.parse(stdout.trim().split('\n').at(-1)!), {
    engines: ['typescript', 'typescript'],
    values: [1.5, 2, 1.5, 2],
  });
  t.is(stderr.split('npx tfjs-alig build').length - 1, 1, stderr);
}

/** A process of a folder without any other program: no compiler, no npm, nvcc wherever it lies. */
function runAlone(cwd: string, ...parameters: string[]) {
  const env = { PATH: '', TFJS_ALIG_SKIP_CUDA: '1' };
  return run(process.execPath, parameters, { cwd, env });
}

test.serial('its prebuilt add-on gives the bits of the build from source', async (t) => {
  await copyFile(join(root, 'test/package/step.js'), join(folder, 'step.js'));
  const built = await run(process.execPath, [join(root, 'test/package/step.js')]);
  const prebuilt = await runAlone(folder, 'step.js');
  t.regex(prebuilt.stdout, /^native-cpu [\da-f]{64}$/m);
  t.is(prebuilt.stdout, built.stdout);
  t.is(prebuilt.stderr, '');
});

test.serial('where the prebuilt add-on loads, its install script compiles nothing', async (t) => {
  const installed = join(folder, 'node_modules', manifest.name);
  const { stdout } = await runAlone(installed, join(installed, 'install/build.js'));
  t.is(stdout, 'tfjs-alig: prebuilt native add-on works.\n');
  await t.throwsAsync(access(join(installed, 'build/Release')), { code: 'ENOENT' });
});

test.serial('for another platform it steps in TypeScript and says how to build', async (t) => {
  // The tests that follow, which are not serial, find it so.
  await rm(join(folder, 'node_modules', manifest.name, 'prebuilds'), { recursive: true });
  await assertSteps(
    t,
    'import.mjs',
    `import * as tf from '@tensorflow/tfjs-core';
     import '@tensorflow/tfjs-backend-cpu';
     import { AliG, fusedAliGStep } from 'tfjs-alig';
     ${step}`,
  );
  const alone = await runAlone(folder, 'step.js');
  const built = await run(process.execPath, [join(root, 'test/package/step.js')]);
  t.is(alone.stdout, built.stdout.replace('native-cpu', 'typescript'));
});

test('the command that the warning names is installed and lists its commands', async (t) => {
  const command = join(folder, 'node_modules/.bin/tfjs-alig');
  const { stdout } = await run(command, ['--help'], { cwd: folder });
  t.regex(stdout, /^ +build /m);
});

test('source maps stay outside, whose sources do too', async (t) => {
  const files = await readdir(join(folder, 'node_modules', manifest.name), { recursive: true });
  t.true(files.length > 200);
  t.deepEqual(
    files.filter((file) => /\.c?js\.map$/.test(file)),
    [],
  );
});

test('what the install script compiles is in the package', async (t) => {
  const installed = join(folder, 'node_modules', manifest.name);
  const sources = await readFile(join(installed, 'native/sources.txt'), 'utf8');
  const files = sources.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  t.true(files.length > 0);
  const lists = ['sources', 'flags', 'architectures'].map((name) => `native/cuda/${name}.txt`);
  const ofCuda = await readFile(join(installed, 'native/cuda/sources.txt'), 'utf8');
  for (const file of [
    ...['binding.gyp', 'CMakeLists.txt', 'install/build.js', 'install/cuda-engine.js'],
    ...[...files, ...lists, ...ofCuda.trim().split('\n')],
  ]) {
    await t.notThrowsAsync(access(join(installed, file)), file);
  }
});

test('CommonJS can require it, by the build that loaders of CommonJS alone get', async (t) => {
  await assertSteps(
    t,
    'require.cjs',
    `const tf = require('@tensorflow/tfjs-core');
     require('@tensorflow/tfjs-backend-cpu');
     const { AliG, fusedAliGStep } = require('tfjs-alig');
     if (!require.resolve('tfjs-alig').endsWith('.cjs')) throw new Error(require.resolve('tfjs-alig'));
     ${step}`,
  );
});

test('a strict TypeScript project compiles against its types, wrong calls do not', async (t) => {
  // The same text as an ES module and as CommonJS, which imports other declarations.
  for (const file of ['consumer.ts', 'consumer.cts']) {
    await copyFile(join(root, 'test/package/consumer.ts'), join(folder, file));
  }
  const parts = ['losses', 'schedules', 'step'].map(
    (part) => `export * from 'tfjs-alig/${part}';\n`,
  );
  for (const file of ['parts.ts', 'parts.cts']) {
    const source = `${parts.join('')}export const rate: number = warmUp({ schedule: 1, over: 2 })(1);\n`;
    const names = "import { warmUp } from 'tfjs-alig/schedules';\n";
    await writeFile(join(folder, file), names + source);
  }
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const options = ['--strict', '--exactOptionalPropertyTypes', '--noEmit', '--target', 'es2022'];
  for (const modules of [
    ['--module', 'nodenext', 'consumer.ts', 'consumer.cts', 'parts.ts', 'parts.cts'],
    // Before TypeScript lets CommonJS import the declarations of ES modules.
    ['--module', 'node16', 'consumer.ts', 'consumer.cts'],
    ['--module', 'es2022', '--moduleResolution', 'bundler', 'consumer.ts', 'parts.ts'],
    // Projects that began before `exports`, as Angular's and Jest's, look for main and types.
    ...['es2022', 'commonjs'].map((module) =>
      ['--module', module, '--moduleResolution', 'node10', '--ignoreDeprecations', '6.0'].concat(
        'consumer.ts',
      ),
    ),
  ]) {
    // tfjs-core's declarations do not pass tsc's own check; what is packed here has been checked.
    const compiler = [tsc, ...options, '--skipLibCheck', ...modules];
    await t.notThrowsAsync(
      run(process.execPath, compiler, { cwd: folder }).catch((error: unknown) => {
        throw new Error((error as { stdout: string }).stdout);
      }),
    );
  }
});

/** A saved model whose optimiser is AliG, as JSON: weightData as a list of bytes. */
async function savedModel(): Promise<string> {
  const model = layers.sequential({ layers: [layers.layers.dense({ units: 1, inputShape: [2] })] });
  model.compile({ optimizer: new AliG({ maxLearningRate: 0.25 }), loss: 'meanSquaredError' });
  let saved = '';
  const handler = tf.io.withSaveHandler((artifacts) => {
    const weightData = [...new Uint8Array(artifacts.weightData as ArrayBuffer)];
    saved = JSON.stringify({ ...artifacts, weightData });
    return Promise.resolve({
      modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' },
    });
  });
  await model.save(handler, { includeOptimizer: true });
  model.dispose();
  return saved;
}

test('a bundle that only loads a saved model knows AliG', async (t) => {
  const model = await savedModel();
  for (const statement of ["import 'tfjs-alig';", "import { AliG } from 'tfjs-alig';"]) {
    const bundle = join(folder, 'loads-model.mjs');
    await build({
      stdin: {
        contents: `
          import '@tensorflow/tfjs-backend-cpu';
          import { io } from '@tensorflow/tfjs-core';
          import { loadLayersModel } from '@tensorflow/tfjs-layers';
          ${statement}
          const artifacts = JSON.parse(process.argv[2]);
          const weightData = Uint8Array.from(artifacts.weightData).buffer;
          const { optimizer } = await loadLayersModel(io.fromMemory({ ...artifacts, weightData }));
          console.log(optimizer.getClassName(), optimizer.maxLearningRate);`,
        resolveDir: root,
      },
      bundle: true,
      minify: true,
      treeShaking: true,
      format: 'esm',
      // Not for browsers: Node runs the bundle here, where tfjs-core takes util and node-fetch.
      platform: 'neutral',
      mainFields: ['module', 'main'],
      external: [...builtinModules],
      banner: {
        js: "import { createRequire } from 'node:module'; const require = createRequire('file:///');",
      },
      outfile: bundle,
      logLevel: 'error',
    });
    const { stdout } = await run(process.execPath, [bundle, model]);
    t.is(stdout.trim(), 'AliG 0.25', statement);
  }
});
