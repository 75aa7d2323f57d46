/** Models in folders: whole after every kill, and damage is named; KILLS says how often. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs-node';
import test from 'ava';
import { AliG, modelFolder } from '../../lib/index.js';
import { FileError } from '../../lib/platform/file-error.js';
import { modelFolder as modelFolderOfBrowsers } from '../../lib/training/model-folder.browser.js';
import { until } from '../platform/run.js';

const kills = Number(process.env['KILLS'] ?? 5);
const folder = mkdtempSync(join(tmpdir(), 'tfjs-alig-models-'));

test.after.always(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function trained(): Promise<tf.LayersModel> {
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 3, inputShape: [2] })] });
  model.compile({ optimizer: new AliG({ maxLearningRate: 0.5 }), loss: 'meanSquaredError' });
  await model.trainOnBatch(tf.ones([4, 2]), tf.ones([4, 3]));
  return model;
}

const valuesOf = (model: tf.LayersModel) => model.getWeights().map((weight) => weight.dataSync());

const filesOf = (path: string) => readdirSync(path).sort();

test.serial(
  'it loads as it was saved, with its optimiser, and replaces the one before',
  async (t) => {
    const path = join(folder, 'deep', 'model');
    await (await trained()).save(modelFolder(path));
    writeFileSync(join(path, 'notes.txt'), 'kept');
    const before = filesOf(path);
    const model = await trained();
    const { modelArtifactsInfo } = await model.save(modelFolder(path), { includeOptimizer: true });
    t.is(modelArtifactsInfo.modelTopologyType, 'JSON');
    const after = filesOf(path);
    t.is(after.length, 3);
    t.true(after.includes('notes.txt'));
    t.notDeepEqual(after, before);
    for (const source of [modelFolder(path), `file://${path}/model.json`]) {
      const loaded = await tf.loadLayersModel(source);
      t.deepEqual(valuesOf(loaded), valuesOf(model));
      t.true(loaded.optimizer instanceof AliG);
      t.is(loaded.optimizer.iterations, 1);
    }
  },
);

test.serial(
  'every damaged byte is named, and so are files that are missing or are none of it',
  async (t) => {
    const path = join(folder, 'damaged');
    await (await trained()).save(modelFolder(path));
    for (const name of filesOf(path)) {
      const file = join(path, name);
      const good = readFileSync(file);
      const places = Array.from({ length: good.length }, (_, i) => i);
      const copies = places.map((place) => {
        const copy = Buffer.from(good);
        copy[place]! ^= 1 << (place % 8);
        return copy;
      });
      for (const copy of [
        ...copies,
        good.subarray(0, -1),
        Buffer.concat([good, Buffer.from('}')]),
      ]) {
        writeFileSync(file, copy);
        const error = await t.throwsAsync(modelFolder(path).load!(), { instanceOf: FileError });
        t.true(error.message.includes(file), error.message);
      }
      rmSync(file);
      const error = await t.throwsAsync(modelFolder(path).load!(), { instanceOf: FileError });
      t.regex(error.message, /cannot read .*ENOENT/);
      writeFileSync(file, good);
    }
    await t.notThrowsAsync(tf.loadLayersModel(modelFolder(path)));
    const other = join(folder, 'of-tfjs-node');
    await (await trained()).save(`file://${other}`);
    await t.throwsAsync(modelFolder(other).load!(), { message: /'file:.*model\.json' loads/ });
  },
);

test('what cannot be saved, or where, is said', async (t) => {
  for (const path of [undefined, '', 3] as string[]) {
    t.throws(() => modelFolder(path), {
      instanceOf: TypeError,
      message: /path must name a folder/,
    });
  }
  const file = join(folder, 'file');
  writeFileSync(file, '');
  const model = await trained();
  const error = await t.throwsAsync(model.save(modelFolder(file)), { instanceOf: FileError });
  t.true(error.message.includes(file));
  await t.throwsAsync(
    modelFolder(join(folder, 'none')).save!({ modelTopology: new ArrayBuffer(1) }),
    {
      message: /saved as JSON, not in binary form/,
    },
  );
  t.false(existsSync(join(folder, 'none')));
  t.throws(() => modelFolderOfBrowsers(), { message: /indexeddb/ });
});

test.serial('killed while it saves, it leaves one model whole', async (t) => {
  const path = join(folder, 'killed');
  const script = fileURLToPath(new URL('../support/save-models.js', import.meta.url));
  for (let kill = 0; kill < kills; kill++) {
    const before = kill === 0 ? '' : readFileSync(join(path, 'model.json'), 'utf8');
    const child = spawn(process.execPath, [script, path], { stdio: 'ignore' });
    const ended = once(child, 'exit');
    const saves = () =>
      existsSync(join(path, 'model.json')) &&
      readFileSync(join(path, 'model.json'), 'utf8') !== before;
    await until(() => saves() || child.exitCode !== null);
    await setTimeout(Math.random() * 100);
    child.kill('SIGKILL');
    t.deepEqual(await ended, [null, 'SIGKILL']);
    const model = await tf.loadLayersModel(modelFolder(path));
    const { number } = model.getUserDefinedMetadata() as { number: number };
    t.true(number >= 1);
    for (const values of valuesOf(model)) t.true(values.every((value) => value === number));
    model.dispose();
  }
  // What the kills have left goes with the next model.
  await (await trained()).save(modelFolder(path));
  t.is(filesOf(path).length, 2);
});
