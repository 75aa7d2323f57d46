/** The samples in README.md and docs/: they compile, and run as they stand there. */
import test from 'ava';
import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { packageRoot, temporaryFolder } from '../platform/folders.js';
import { problemsOf, promisedBy, readSamples, samplesOf } from '../support/doc-samples.js';
import { optimizerPage } from '../support/optimizer-tables.js';

const run = promisify(execFile);
// Within the package, so that a sample imports it by its name.
const folder = fileURLToPath(new URL('docs-samples/', import.meta.url));
const samples = readSamples();

/** What a program prints, which lies in the package and runs in the folder `cwd`. */
async function printedBy(name: string, source: string, cwd: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const file = join(folder, `${name}.mjs`);
  await writeFile(file, source);
  return (await run(process.execPath, [file], { cwd })).stdout;
}

test("the samples of README.md and docs/ compile against the package's types", (t) => {
  t.timeout(600_000, 'the compiler reads TensorFlow.js');
  t.true(samples.length > 20, `${samples.length} samples`);
  t.deepEqual(problemsOf(samples), []);
});

for (const page of new Set(samples.map((sample) => sample.page))) {
  const running = samples.filter((sample) => sample.page === page && sample.runs);
  if (running.length === 0) continue;
  test.serial(`the samples of ${page} run and print what they promise to`, async (t) => {
    t.timeout(600_000, `${running.length} programs`);
    const cwd = temporaryFolder(t);
    for (const sample of running) {
      const name = `${basename(page, '.md')}-${sample.line}`;
      const stdout = await printedBy(name, sample.given + sample.code, cwd);
      const place = `${page}:${sample.line}\n${stdout}`;
      t.regex(stdout, /\d|true/, place);
      t.notRegex(stdout, /NaN|undefined/, place);
      const lines = stdout.split('\n');
      for (const promise of promisedBy(sample)) {
        const found = lines.findIndex((line) => line === promise || line.startsWith(`${promise} `));
        t.true(found >= 0, `${promise} in ${place}`);
        lines.splice(0, found + 1);
      }
    }
  });
}

test.serial('what docs/moving.md names in place of tf.train takes the same steps', async (t) => {
  const page = await readFile(join(packageRoot, 'docs/moving.md'), 'utf8');
  const pairs = [...page.matchAll(/^\| `(tf\.train\.[^`]+)` *\| `(new [^`]+)` *\|$/gm)];
  const named = pairs.map(([, theirs, ours]) => [theirs!, ours!] as const);
  t.is(named.length, 6);
  const stdout = await printedBy(
    'moving-table',
    `import * as tf from '@tensorflow/tfjs-node';
     import { AdaGrad, Adam, RmsProp, Sgd } from 'tfjs-alig';
     const pairs = [${named.map(([theirs, ours]) => `[() => ${theirs}, () => ${ours}]`).join()}];
     const gradients = Array.from({ length: 20 }, (_, i) => tf.randomNormal([50], 0, 1, 'float32', i));
     const weightsAfter = (optimizer) => {
       const weights = tf.variable(tf.ones([50]));
       for (const gradient of gradients) optimizer.applyGradients({ [weights.name]: gradient });
       return weights;
     };
     const differences = pairs.map((makes) => {
       const [theirs, ours] = makes.map((make) => weightsAfter(make()));
       const moved = tf.sub(theirs, 1).abs().max().dataSync()[0];
       return tf.sub(theirs, ours).abs().max().dataSync()[0] / moved;
     });
     console.log(JSON.stringify(differences));`,
    temporaryFolder(t),
  );
  const differences = JSON.parse(stdout.trim().split('\n').at(-1)!) as (number | null)[];
  t.is(differences.length, named.length);
  // Adam's 1 - beta2^t has some 5 digits in the first steps.
  for (const [i, [theirs]] of named.entries()) {
    const difference = differences[i] ?? NaN;
    t.true(difference < 1e-4, `${theirs}: ${difference} of the way`);
  }
});

test('a sample that does not compile is named by page and line', (t) => {
  const page = (text: string) => samplesOf('docs/page.md', text);
  const fence = '`'.repeat(3);
  const wrong =
    "import { AliG } from 'tfjs-alig';\n\nnew AliG({ maxLearningRate: rate, speed: 2 });\n";
  const samples = page(
    `# Page\n\n<!-- sample with:\nconst rate = 1;\n-->\n\n${fence}js\n${wrong}${fence}\n\n` +
      `<!-- sample not run: a fragment\n-->\n\n${fence}js\nawait rate;\n${fence}\n`,
  );
  t.deepEqual(
    samples.map(({ runs }) => runs),
    [true, false],
  );
  const [first, second, ...others] = problemsOf(samples);
  t.regex(first!, /^docs\/page\.md:10: .*'speed' does not exist/);
  t.regex(second!, /^docs\/page\.md:17: Cannot find name 'rate'/);
  t.deepEqual(others, []);
  t.throws(() => page(`${fence}javascript\n1;\n${fence}\n`), { message: /another word/ });
  t.throws(() => page('<!-- sample with:\nconst a = 1;\n-->\n\nWords.\n'), { message: /no block/ });
});

test('the tables of docs/optimisers.md are those of the descriptions', async (t) => {
  const { is, wanted } = await optimizerPage();
  t.is(is, wanted, 'write them: node dist/test/support/optimizer-tables.js');
});
