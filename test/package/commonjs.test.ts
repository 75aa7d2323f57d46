/** The package's two formats: one state in a process, and loaders that know CommonJS alone. */
import * as tf from '@tensorflow/tfjs-node';
import test from 'ava';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import * as sources from '../../lib/index.js';
import { packageRoot } from '../platform/folders.js';
import { runNode } from '../platform/run.js';
import { loaderInRealm } from '../support/module-loader.js';
import { savedToMemory } from '../support/saved-model.js';

type Package = typeof sources;

const require = createRequire(import.meta.url);

test('the CommonJS build is made of the present sources: npm run compile', (t) => {
  const path = require.resolve('tfjs-alig');
  t.is(path, join(packageRoot, 'dist', 'lib', 'tfjs-alig.cjs'));
  const map = JSON.parse(readFileSync(`${path}.map`, 'utf8')) as {
    sources: string[];
    sourcesContent: string[];
  };
  const own = map.sources.map((source) => join(dirname(path), source));
  t.true(own.length > 50);
  for (const [index, file] of own.entries()) {
    t.is(map.sourcesContent[index], readFileSync(file, 'utf8'), file);
  }
});

test('both formats have the same names, and those of the modules', async (t) => {
  const required = require('tfjs-alig') as Package;
  const imported = await import('tfjs-alig');
  t.deepEqual(Object.keys(required).sort(), Object.keys(sources).sort());
  t.deepEqual(Object.keys(imported).sort(), Object.keys(sources).sort());
});

test.serial('what one format has saved the other loads, as its own class', async (t) => {
  const required = require('tfjs-alig') as Package;
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] });
  const optimizer = new required.AliG({ maxLearningRate: 0.5 });
  model.compile({ optimizer, loss: 'meanSquaredError' });
  await model.trainOnBatch(tf.ones([4, 2]), tf.ones([4, 1]));
  const saved = await savedToMemory(model);
  const { AliG } = await import('tfjs-alig');
  const loaded = (await tf.loadLayersModel(saved)).optimizer;
  t.true(loaded instanceof AliG);
  t.is(loaded.iterations, 1);
  t.is(loaded.constructor, optimizer.constructor);
});

// How Node is told that `require` takes no ES modules; its newer name came with Node 24.
const withoutEsm = ['--no-require-module', '--no-experimental-require-module'].find((flag) =>
  process.allowedNodeEnvironmentFlags.has(flag),
)!;

for (const [order, load] of [
  ['import first', "const b = await import('tfjs-alig'); const a = require('tfjs-alig');"],
  ['require first', "const a = require('tfjs-alig'); const b = await import('tfjs-alig');"],
] as const) {
  for (const flags of [[], [withoutEsm]]) {
    test(`${order} ${flags.join(' ')}: one state, and one add-on`, async (t) => {
      const source = `
        import { createRequire } from 'node:module';
        import * as tf from '@tensorflow/tfjs-node';
        const require = createRequire(import.meta.url);
        const { dlopen } = process;
        let loads = 0;
        process.dlopen = (module, path, ...rest) => {
          if (path.endsWith('tfjs_alig.node')) loads++;
          return dlopen.call(process, module, path, ...rest);
        };
        ${load}
        const same = Object.keys(a).every((name) => a[name] === b[name]);
        const engines = [a, b].map(({ AliG }) => {
          const variable = tf.variable(tf.tensor1d([1, 2]));
          const optimizer = new AliG({ maxLearningRate: 0.1 });
          optimizer.minimize(() => tf.sum(tf.square(variable)));
          return optimizer.lastStep.engine;
        });
        a.setThreadCount(1);
        console.log(JSON.stringify([same, ...engines, loads, b.getThreadCount()]));
      `;
      const { output, exitCode } = await runNode(
        [...flags, '--input-type=module', '--eval', source],
        { cwd: packageRoot },
      );
      t.is(exitCode, 0, output);
      t.regex(output, /^\[true,"tensorflow-cpu","tensorflow-cpu",1,1\]$/m);
    });
  }
}

test.serial('realms with loaders of their own share the add-on and its op', (t) => {
  const results = ['first', 'second'].map((name) => {
    const load = loaderInRealm(join(packageRoot, 'program.js'));
    const realmTf = load('@tensorflow/tfjs-node') as typeof tf;
    const { AliG, fusedAliGStep, NonFiniteError } = load('tfjs-alig') as Package;
    t.not(realmTf.Variable, tf.Variable);
    const variable = realmTf.variable(realmTf.tensor1d([3, 4]), true, name);
    const optimizer = new AliG({ maxLearningRate: null, momentum: 0, epsilon: 0 });
    optimizer.applyGradients({ [name]: realmTf.tensor1d([6, 8]) }, { loss: 25 });
    const parameters = [Float32Array.of(3, 4)];
    const gradients = [Float32Array.of(6, 8)];
    const report = fusedAliGStep({ parameters, gradients, loss: 25, epsilon: 0 });
    t.throws(() => fusedAliGStep({ parameters, gradients, loss: NaN }), {
      instanceOf: NonFiniteError,
    });
    return {
      AliG,
      engines: [optimizer.lastStep?.engine, report.engine],
      values: [...variable.dataSync(), ...parameters[0]!],
    };
  });
  for (const { engines, values } of results) {
    t.deepEqual(engines, ['tensorflow-cpu', 'native-cpu']);
    t.deepEqual(values, [1.5, 2, 1.5, 2]);
  }
  t.not(results[0]!.AliG, results[1]!.AliG);
});
