/** A program whose TensorFlow.js is another copy of tfjs-core than the one which this package imports. */
import test, { type ExecutionContext } from 'ava';
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as all from '../../lib/index.js';
import { packageRoot, temporaryFolder } from '../platform/folders.js';
import { runNode } from '../platform/run.js';

/** A project with tfjs-core and tfjs-layers of its own, beside links to all that is installed here. */
function projectWithSecondCopy(t: ExecutionContext): string {
  const project = temporaryFolder(t);
  const scope = join('node_modules', '@tensorflow');
  mkdirSync(join(project, scope), { recursive: true });
  symlinkSync(packageRoot, join(project, 'node_modules', 'tfjs-alig'));
  for (const folder of ['node_modules', scope]) {
    for (const name of readdirSync(join(packageRoot, folder))) {
      if (['@tensorflow', 'tfjs-core', 'tfjs-layers'].includes(name)) continue;
      symlinkSync(join(packageRoot, folder, name), join(project, folder, name));
    }
  }
  for (const name of ['tfjs-core', 'tfjs-layers']) {
    const folder = join(scope, name);
    const manifest = readFileSync(join(packageRoot, folder, 'package.json'), 'utf8');
    // All that Node loads of them.
    const { main } = JSON.parse(manifest) as { main: string };
    cpSync(join(packageRoot, folder, main), join(project, folder, main));
    writeFileSync(join(project, folder, 'package.json'), manifest);
  }
  return project;
}

const names = ['@tensorflow/tfjs-core', '@tensorflow/tfjs-layers', 'tfjs-alig'];

const loading = {
  mjs: `
    import '@tensorflow/tfjs-backend-cpu';
    import { createRequire } from 'node:module';
    ${names.map((name, i) => `import * as loaded${i} from '${name}';`).join('\n')}
    const require = createRequire(import.meta.url);
    const [tf, layers, alig] = [loaded0, loaded1, loaded2];`,
  cjs: `
    require('@tensorflow/tfjs-backend-cpu');
    const [tf, layers, alig] = ${JSON.stringify(names)}.map((name) => require(name));`,
};

/** Prints one JSON object a line. */
const program = `
  async function run() {
    const { createRequire } = require('node:module');
    const { realpathSync } = require('node:fs');
    const own = createRequire(realpathSync(require.resolve('tfjs-alig')))('@tensorflow/tfjs-core');
    console.log(JSON.stringify({ copies: own.serialization !== tf.serialization }));

    class Half extends tf.SGDOptimizer {
      static className = 'Half';
    }
    tf.serialization.registerClass(Half);
    const inputs = tf.randomNormal([16, 3], 0, 1, 'float32', 1);
    const targets = tf.sum(inputs, 1, true);
    const fit = (model) => model.fit(inputs, targets, { epochs: 2, shuffle: false, verbose: 0 });
    const weightsOf = (model) => [...model.getWeights()[0].dataSync()];

    async function trained(optimizer) {
      const layer = layers.layers.dense({ units: 1, inputShape: [3], kernelInitializer: 'ones' });
      const model = layers.sequential({ layers: [layer] });
      model.compile({ optimizer, loss: 'meanSquaredError' });
      await fit(model);
      let saved;
      const keep = tf.io.withSaveHandler(async (artifacts) => {
        saved = JSON.parse(JSON.stringify({ ...artifacts, weightData: undefined }));
        saved.weightData = artifacts.weightData;
        return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
      });
      await model.save(keep, { includeOptimizer: true });
      return { model, saved: tf.io.fromMemory(saved) };
    }

    const first = await trained(new alig.AliG({ maxLearningRate: 0.1 }));
    const { message } = await layers.loadLayersModel(first.saved).catch((error) => error);
    console.log(JSON.stringify({ before: message.split('.')[0] }));

    alig.registerOptimizers(tf);
    alig.registerOptimizers(tf);
    const wrapped = (optimizer) => new alig.AccumulatingOptimizer({ optimizer, miniBatches: 1 });
    for (const optimizer of [
      new alig.AliG({ maxLearningRate: 0.1, constraint: alig.l2Ball(1) }),
      new alig.Adam(),
      wrapped(new alig.AliG({ maxLearningRate: 0.1 })),
      wrapped(new Half(0.01)),
    ]) {
      const { model, saved } = await trained(optimizer);
      const loaded = await layers.loadLayersModel(saved);
      await fit(model);
      await fit(loaded);
      console.log(JSON.stringify({
        name: loaded.optimizer.getClassName(),
        inner: loaded.optimizer.optimizer?.getClassName(),
        same: loaded.optimizer.constructor === optimizer.constructor,
        steps: loaded.optimizer.iterations,
        weights: [weightsOf(loaded), weightsOf(model)],
      }));
    }
    const { classNameMap } = tf.serialization.SerializationMap.getMap();
    console.log(JSON.stringify({ classes: Object.keys(classNameMap) }));
  }
  run();`;

interface Line {
  readonly copies?: boolean;
  readonly before?: string;
  readonly name?: string;
  readonly inner?: string;
  readonly same?: boolean;
  readonly steps?: number;
  readonly weights?: readonly [readonly number[], readonly number[]];
  readonly classes?: readonly string[];
}

for (const format of ['mjs', 'cjs'] as const) {
  test(`${format}: another copy of tfjs loads the optimisers once they are registered`, async (t) => {
    const project = projectWithSecondCopy(t);
    const file = join(project, `program.${format}`);
    writeFileSync(file, `${loading[format]}\n${program}`);
    const { output, exitCode } = await runNode([file], { cwd: project });
    t.is(exitCode, 0, output);
    const lines = output
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Line);
    const [copies, before, ...rest] = lines;
    t.deepEqual(copies, { copies: true });
    t.deepEqual(before, { before: 'Unknown layer: AliG' });
    const { classes } = rest.pop()!;
    t.deepEqual(
      rest.map(({ name, inner = null }) => [name, inner]),
      [
        ['AliG', null],
        ['FusedAdam', null],
        ['AccumulatingOptimizer', 'AliG'],
        ['AccumulatingOptimizer', 'Half'],
      ],
    );
    for (const { same, steps, weights } of rest) {
      t.true(same);
      t.is(steps, 4);
      t.is(weights![0].length, 3);
      t.deepEqual(weights![0], weights![1]);
    }
    const exported = Object.values<unknown>(all).flatMap((value) => {
      const isClass = typeof value === 'function' && Object.hasOwn(value, 'className');
      return isClass ? [(value as unknown as { readonly className: string }).className] : [];
    });
    for (const { description } of Object.values(all.optimizers))
      exported.push(description.className);
    t.true(exported.length > 18);
    t.deepEqual(
      exported.filter((name) => !classes!.includes(name)),
      [],
    );
  });
}

test('what is no TensorFlow.js is refused', (t) => {
  for (const [given, words] of [
    [undefined, 'undefined'],
    [null, 'null'],
    ['@tensorflow/tfjs', "'@tensorflow/tfjs'"],
    [{ serialization: {} }, 'an object \\(Object\\)'],
  ] as const) {
    const message = new RegExp(
      `^registerOptimizers: tf must be a TensorFlow.js, .*, not ${words}\\.$`,
    );
    t.throws(
      () => {
        all.registerOptimizers(given as never);
      },
      { instanceOf: TypeError, message },
    );
  }
});
