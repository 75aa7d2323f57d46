/** The package in a real browser: every backend that Chromium offers, driven without a screen. */
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import test from 'ava';
import type { EngineName } from '../../lib/index.js';
import { chromiumMissing, findChromium, launchChromium } from '../support/chromium.js';
import { goldenCases, type Tape } from '../support/golden.js';
import { playOnBackend, replayedBits } from '../support/golden-replay.js';
import { testsThatNeed } from '../support/needs.js';
import { bundleForBrowser, servePage } from '../support/page-server.js';
import type { PageTests } from './page.js';

const backends: readonly { readonly backend: string; readonly engine: EngineName }[] = [
  { backend: 'webgl', engine: 'portable' },
  { backend: 'webgpu', engine: 'portable' },
  { backend: 'wasm', engine: 'portable' },
  { backend: 'cpu', engine: 'typescript' },
];

/** Backends whose reports are read from the device later. */
const deferring = ['webgl', 'webgpu'];

const tapes = goldenCases<Tape>('tape');
const complaints: string[] = [];

const bundle = await bundleForBrowser('dist/test/browser/page.js');

/** The page in a running browser, which `close` ends. */
async function openPage(chromium: string) {
  const server = await servePage(bundle.code);
  const browser = await launchChromium(chromium);
  const page = await browser.newPage();
  // A busy machine draws slowly in software.
  page.setDefaultTimeout(300_000);
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.goto(server.url);
  await page.waitForFunction(() => 'pageTests' in globalThis);
  const close = async () => {
    await browser.close();
    server.close();
  };
  return { page, version: browser.version(), close };
}

const chromium = findChromium();
const opened = chromium === undefined ? undefined : await openPage(chromium);

/** Calls a function of the page. */
async function inPage<Name extends keyof PageTests>(
  name: Name,
  ...parameters: Parameters<PageTests[Name]>
): Promise<Awaited<ReturnType<PageTests[Name]>>> {
  if (!opened) throw new Error(chromiumMissing);
  const { page } = opened;
  const result = await page.evaluate(
    ([key, values]) =>
      (globalThis.pageTests[key as Name] as (...each: unknown[]) => unknown)(...values),
    [name, parameters] as [string, unknown[]],
  );
  return result as Awaited<ReturnType<PageTests[Name]>>;
}

// Before the first test: ava takes none after an await.
const offered = new Map<string, { available: boolean; renderer: string }>();
for (const { backend } of opened ? backends : []) {
  offered.set(backend, await inPage('useBackend', backend));
}

test.after.always(() => opened?.close());

test('the bundle for browsers takes nothing from Node', (t) => {
  const { inputs, outputs } = bundle.metafile;
  const external = Object.values(outputs).flatMap(({ imports }) => imports);
  t.deepEqual(external, []);
  t.notRegex(bundle.code, /["'`]node:/);
  t.true('dist/lib/platform/addon.browser.js' in inputs);
  t.false('dist/lib/platform/addon.js' in inputs);
});

const browserTest = testsThatNeed('Chromium', chromium === undefined ? chromiumMissing : undefined);

for (const { backend, engine } of backends) {
  const { available = false, renderer = '' } = offered.get(backend) ?? {};

  browserTest(`${backend}: Chromium has it`, (t) => {
    t.log(`Chromium ${opened?.version}, ${backend} ${available ? 'on' : 'missing'}: ${renderer}`);
    // Chromium offers an adapter for WebGPU on some systems alone.
    t.true(available || backend === 'webgpu');
  });

  const registerTest =
    opened && !available
      ? testsThatNeed(`${backend} in Chromium`, 'it offers none on this system')
      : browserTest;
  const backendTest: typeof browserTest = (title, run) => {
    registerTest(`${backend}: ${title}`, run);
  };

  for (const { id } of tapes) {
    backendTest(`${id} on ${engine}`, async (t) => {
      const { problems, tensorsBefore, tensorsAfter } = await inPage(
        'replayTape',
        id,
        backend,
        engine,
      );
      t.deepEqual(problems, []);
      t.is(tensorsAfter, tensorsBefore);
    });
  }

  backendTest('model.fit trains a dense model', async (t) => {
    const result = await inPage('fit', backend);
    t.is(result.engine, engine);
    t.true(result.stepSize > 0 && result.stepSize <= Math.fround(0.1));
    t.true(result.losses.every(Number.isFinite), result.losses.join(', '));
    t.true(result.losses.at(-1)! < 0.5 * result.losses[0]!, result.losses.join(', '));
    t.is(result.tensorsAfter, result.tensorsBefore);
  });

  for (const readReport of [true, false]) {
    const reading = readReport ? 'the report read' : 'the report not read';

    backendTest(`a NaN in a gradient changes nothing and is told, ${reading}`, async (t) => {
      const thrownBy = !deferring.includes(backend) ? 'step' : readReport ? 'report' : 'next step';
      t.deepEqual(await inPage('refuseNaN', backend, readReport), {
        thrownBy,
        status: 'gradientNotFinite',
        changed: false,
        iterations: 1,
        wentOn: true,
      });
    });

    backendTest(`20 steps leave no tensor behind, ${reading}`, async (t) => {
      const { tensorsBefore, tensorsAfter } = await inPage('countTensors', backend, readReport);
      t.is(tensorsAfter, tensorsBefore);
    });
  }

  backendTest('a constraint beside the ball holds, and a refused step moves nothing', async (t) => {
    const near = (found: readonly number[] | undefined, expected: readonly number[]) => {
      t.is(found?.length, expected.length);
      found?.forEach((value, i) => {
        t.true(Math.abs(value - expected[i]!) < 1e-6, String(found));
      });
    };
    // The loss is 0.5: step sizes are 0.5 / 3 and 0.5 / 2.25.
    const inBox = await inPage('constrainedSteps', backend, 'box');
    const first = [0.75 - 0.5 / 3, -0.5 + 0.5 / 3, 0.25 - 0.5 / 3];
    near(inBox.values[0], first);
    t.deepEqual(inBox.values[1], inBox.values[0]);
    near(inBox.values[2], [0.75, -0.5, first[2]! - 0.25 / 2.25]);
    const onSimplex = await inPage('constrainedSteps', backend, 'simplex');
    near(onSimplex.values[0], [1 - 0.5 / 3, 0.5 / 3, 0]);
    t.deepEqual(onSimplex.values[1], onSimplex.values[0]);
    for (const { iterations, tensorsBefore, tensorsAfter } of [inBox, onSimplex]) {
      t.is(iterations, 2);
      t.is(tensorsAfter, tensorsBefore);
    }
  });

  backendTest('bad batches are skipped, and moving statistics brought back', async (t) => {
    const result = await inPage('skipBadBatch', backend);
    t.true(result.predictions.every(Number.isFinite), String(result.predictions));
    t.is(result.iterations, 2);
    t.is(result.skipped, 2);
    t.deepEqual(result.statuses, ['taken', 'lossNotFinite', 'lossNotFinite', 'taken']);
    t.is(result.tensorsAfter, result.tensorsBefore);
  });

  backendTest('a refused first step takes the projection before it back', async (t) => {
    const result = await inPage('refuseFirst', backend);
    t.deepEqual(result.parameter, [3, 4]);
    t.is(result.iterations, 0);
    t.is(result.tensorsAfter, result.tensorsBefore);
  });

  backendTest('the report of a step inside tf.tidy can be read after it', async (t) => {
    const report = await inPage('reportAfterTidy', backend);
    t.is(report.engine, engine);
    t.is(report.status, 'taken');
    t.is(report.loss, 25);
    t.true(Math.abs(report.gradientNorm - 10) < 1e-5);
  });

  backendTest('fusedAliGStep steps variables', async (t) => {
    const { report, parameter, velocity } = await inPage('fusedStep', backend);
    t.is(report.engine, engine);
    // 25 / 100; u = 0.25 g = (1.5, 2), v = -u, w = w - u + v / 2.
    const near = (computed: readonly number[], expected: readonly number[]) =>
      computed.every((value, i) => Math.abs(value - expected[i]!) < 1e-5);
    t.true(near([report.stepSize], [0.25]), String(report.stepSize));
    t.true(near(parameter, [0.75, 1]), String(parameter));
    t.true(near(velocity, [-1.5, -2]), String(velocity));
  });
}

for (const tape of tapes) {
  browserTest(`cpu: ${tape.id} has the bits of the native engine`, async (t) => {
    const player = await playOnBackend(tape, 'cpu');
    const native = await replayedBits(tape, player);
    player.dispose();
    const computed = await inPage('tapeBits', tape.id);
    t.true(native.every(({ report }) => report.engine === 'native-cpu'));
    t.true(computed.every(({ report }) => report.engine === 'typescript'));
    t.is(computed.length, native.length);
    computed.forEach((step, index) => {
      const expected = native[index]!;
      for (const list of ['parameters', 'state'] as const) {
        t.is(step[list].length, expected[list].length);
        step[list].forEach((bits, i) => {
          t.true(bits === expected[list][i], `step ${index}, ${list} ${i}`);
        });
      }
      t.deepEqual(step.scalars, expected.scalars);
      t.deepEqual(step.report, { ...expected.report, engine: 'typescript' });
    });
    t.is(tf.memory().numTensors, 0);
  });
}

browserTest('fusedAliGStep steps host arrays in the page', async (t) => {
  const { report, parameter } = await inPage('hostStep');
  t.is(report.engine, 'typescript');
  t.is(report.stepSize, 0.25);
  t.deepEqual(parameter, [1.5, 2]);
});

browserTest('the page raised no error of its own', (t) => {
  t.deepEqual(complaints, []);
});

browserTest('webgl with half floats alone: no step size is refused that is bounded', async (t) => {
  const steps = [
    { gradient: 1e-3, loss: 1, size: 3, stepSize: 0.1 },
    { gradient: 1e-4, loss: 1, size: 3, stepSize: 0.1 },
    { gradient: 0, loss: 1, size: 3, stepSize: 0.1 },
    { gradient: 0, loss: 0, size: 3, stepSize: 0 },
    { gradient: 0.25, loss: 1 / 64, size: 4, stepSize: 1 / 16 },
    { gradient: 100, loss: 1000, size: 3, stepSize: 1 / 30 },
    // The squares of so many elements do not add up to a half float.
    { gradient: 0.125, loss: 1, size: 262144, stepSize: 1 / 4096 },
    { gradient: 64, loss: 1024, size: 4096, stepSize: 1 / 16384 },
  ];
  const sizes = await inPage('halfFloatSteps', steps, 0.1);
  steps.forEach(({ stepSize }, i) => {
    const found = sizes[i];
    t.true(
      typeof found === 'number' && Math.abs(found - stepSize) <= 0.005 * stepSize,
      `${JSON.stringify(steps[i])}: ${String(found)}`,
    );
  });
  // Without a maximal learning rate there is none that could be taken.
  const [refused] = await inPage('halfFloatSteps', [{ gradient: 0, loss: 1, size: 3 }], null);
  t.regex(String(refused), /step size overflows .*half floats alone: 65504.*maximal learning rate/);
});
