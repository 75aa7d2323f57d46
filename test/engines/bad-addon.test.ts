/** An add-on that cannot be used is reported, and other engines go on. */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { packageRoot } from '../../lib/platform/package.js';

/** Steps over arrays and over variables, and says which engines served. */
const stepsOfBothKinds = `
  import * as tf from '@tensorflow/tfjs-node';
  import { AliG, fusedAliGStep } from './dist/lib/index.js';
  const parameters = [Float32Array.of(3, 4)];
  const loss = 2;
  const { engine } = fusedAliGStep({ parameters, gradients: [Float32Array.of(1, 2)], loss, epsilon: 0 });
  const variable = tf.variable(tf.tensor1d([3, 4]));
  const optimizer = new AliG({ maxLearningRate: null, momentum: 0, epsilon: 0 });
  optimizer.applyGradients({ [variable.name]: tf.tensor1d([1, 2]) }, { loss });
  optimizer.applyGradients({ [variable.name]: tf.tensor1d([0, 0]) }, { loss });
  console.log(JSON.stringify({
    engines: [engine, optimizer.lastStep.engine],
    values: [[...parameters[0]], [...variable.dataSync()]],
  }));
`;

const addonProblems: {
  title: string;
  spoil: (directory: string) => Promise<void>;
  message: RegExp;
}[] = [
  {
    title: 'missing',
    spoil: async () => {
      // Nothing is built.
    },
    message: /Release\/tfjs_alig\.node\n.*Cannot find module/,
  },
  {
    title: 'not loadable by this Node',
    spoil: async (directory) => {
      await mkdir(join(directory, 'build/Release'), { recursive: true });
      await writeFile(join(directory, 'build/Release/tfjs_alig.node'), 'not a library');
    },
    message: /Release\/tfjs_alig\.node\n.*(file too short|invalid ELF header|not valid|mach-o)/,
  },
  {
    title: 'of another version',
    spoil: async (directory) => {
      await cp(join(packageRoot, 'build/Release'), join(directory, 'build/Release'), {
        recursive: true,
      });
      const path = join(directory, 'dist/lib/platform/version.js');
      const source = await readFile(path, 'utf8');
      await writeFile(path, source.replace(/'[0-9.]+'/, "'0.0.0-other'"));
    },
    message: /built from version [0-9.]+, this package is 0\.0\.0-other/,
  },
];

for (const { title, spoil, message } of addonProblems) {
  test.serial(`an add-on that is ${title} is reported, and other engines go on`, async (t) => {
    const directory = await mkdtemp(join(tmpdir(), 'package-without-addon-'));
    for (const part of ['package.json', 'dist/lib']) {
      await cp(join(packageRoot, part), join(directory, part), { recursive: true });
    }
    await symlink(join(packageRoot, 'node_modules'), join(directory, 'node_modules'));
    await writeFile(join(directory, 'steps.mjs'), stepsOfBothKinds);
    await spoil(directory);
    const { stdout, stderr } = await promisify(execFile)(process.execPath, ['steps.mjs'], {
      cwd: directory,
    });
    const { engines, values } = JSON.parse(stdout.trim().split('\n').at(-1)!) as {
      engines: string[];
      values: number[][];
    };
    t.deepEqual(engines, ['typescript', 'portable']);
    // gamma = 2 / 5
    const gamma = Math.fround(0.4);
    for (const pair of values) {
      [3 - gamma, 4 - 2 * gamma].forEach((expected, i) => {
        t.true(Math.abs(pair[i]! - expected) < 1e-6, pair.join(', '));
      });
    }
    t.regex(stderr, message);
    t.regex(stderr, /could not be loaded .*Node v\d+/);
    t.regex(stderr, /npx tfjs-alig build/);
    t.is(stderr.match(/could not be loaded/g)?.length, 2, 'said once for arrays, once for tensors');
    await rm(directory, { recursive: true });
  });
}
