/** The samples in README.md and docs/: they compile, and run as they stand there. */
import test from 'ava';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { problemsOf, promisedBy, readSamples, samplesOf } from '../support/doc-samples.js';
import { optimizerPage } from '../support/optimizer-tables.js';

const run = promisify(execFile);
// Within the package, so that a sample imports it by its name.
const folder = fileURLToPath(new URL('docs-samples/', import.meta.url));
const samples = readSamples();

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
    await mkdir(folder, { recursive: true });
    const cwd = await mkdtemp(join(tmpdir(), 'docs-samples-'));
    for (const sample of running) {
      const file = join(folder, `${basename(page, '.md')}-${sample.line}.mjs`);
      await writeFile(file, sample.given + sample.code);
      const { stdout } = await run(process.execPath, [file], { cwd });
      const place = `${page}:${sample.line}\n${stdout}`;
      t.regex(stdout, /\d/, place);
      t.notRegex(stdout, /NaN|undefined/, place);
      const lines = stdout.split('\n');
      for (const promise of promisedBy(sample)) {
        const found = lines.findIndex((line) => line === promise || line.startsWith(`${promise} `));
        t.true(found >= 0, `${promise} in ${place}`);
        lines.splice(0, found + 1);
      }
    }
    await rm(cwd, { recursive: true });
  });
}

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
