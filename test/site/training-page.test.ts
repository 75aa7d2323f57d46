/** The page that trains, in Chromium: opened as a file, without a server. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { makeTrainingPage } from '../../site/training/make.js';
import { temporaryFolder } from '../platform/folders.js';
import { chromiumMissing, findChromium, launchChromium } from '../support/chromium.js';
import { testsThatNeed } from '../support/needs.js';

const chromium = findChromium();
const testInChromium = testsThatNeed(
  'Chromium',
  chromium === undefined ? chromiumMissing : undefined,
);

/** By then it has tested twice. */
const steps = 40;

testInChromium('it trains on every backend, its charts move, and it fetches nothing', async (t) => {
  // Drawing in software on a busy machine.
  t.timeout(900_000, 'four trainings in Chromium');
  const folder = temporaryFolder(t);
  await makeTrainingPage(folder);
  const browser = await launchChromium(chromium!);
  t.teardown(() => browser.close());
  const page = await browser.newPage();
  page.setDefaultTimeout(600_000);
  const problems: string[] = [];
  const fetched: string[] = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('request', (request) => fetched.push(request.url()));
  await page.goto(pathToFileURL(join(folder, 'index.html')).href);
  await page.waitForSelector('#start:enabled');

  const text = (id: string) => page.locator(`#${id}`).innerText();
  const picture = (id: string) => page.locator(`#${id} canvas`).screenshot();
  const until = async (condition: string) => {
    await page.waitForFunction(condition);
    t.is(await text('problem'), '');
  };
  const stepsShown = "Number(document.getElementById('steps').textContent)";
  /** Does what starts another training, and waits until that has taken some steps. */
  const train = async (start: () => Promise<unknown>) => {
    const before = (await page.locator('#steps').getAttribute('data-training')) ?? '';
    await start();
    await until(`document.getElementById('steps').dataset.training !== '${before}'`);
    await until(`${stepsShown} >= ${steps}`);
  };
  const backends = await page.locator('#backend option').allInnerTexts();
  t.true(backends.includes('cpu') && backends.includes('wasm') && backends.includes('webgl'));
  t.log(`backends: ${backends.join(', ')}`);
  // The first is chosen already, and a choice is a change.
  for (const backend of [...backends].reverse()) {
    await train(() => page.selectOption('#backend', backend));
    t.is(await text('backend-used'), backend);
    for (const contestant of [0, 1]) {
      // ln 10 is where a network begins that knows nothing.
      t.true(Number(await text(`loss-${contestant}`)) < Math.log(10), backend);
      t.true(parseFloat(await text(`accuracy-${contestant}`)) > 40, backend);
    }
    const before = await Promise.all(['loss-chart', 'step-size-chart'].map(picture));
    await until(`${stepsShown} >= ${2 * steps}`);
    const after = await Promise.all(['loss-chart', 'step-size-chart'].map(picture));
    t.false(before.some((each, i) => each.equals(after[i]!)));
  }

  // At a rate at which SGD and Adam can't train, ALI-G takes its own steps.
  await train(() => page.selectOption('#backend', 'wasm'));
  await train(() => page.locator('#rate').fill('3'));
  t.is(await text('rate-value'), '1000');
  t.true(Number(await text('step-size-0')) < 1000);
  t.true(Number(await text('loss-0')) < 5);
  const others = [await text('loss-1'), await text('loss-2')];
  t.true(
    others.every((loss) => loss === 'diverged' || Number(loss) > 5),
    others.join(', '),
  );
  await page.click('#start');
  t.is(await text('start'), 'Train');

  // Figure 2: the Polyak step oscillates, and ALI-G converges.
  const parameter = async () => parseFloat((await text('figure-2-outcome')).split('w = ')[1]!);
  t.true(Math.abs(await parameter()) > 1);
  const figure = await picture('figure-2-chart');
  await page.selectOption('#figure-2-rule', 'alig');
  t.true(Math.abs(await parameter()) < 0.1);
  t.false(figure.equals(await picture('figure-2-chart')));

  t.deepEqual(problems, []);
  t.deepEqual(
    fetched.filter((url) => !/^(file|data|blob):/.test(url)),
    [],
  );
});
