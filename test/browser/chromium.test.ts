/** The package in a real browser: every backend that Chromium offers, driven without a screen. */
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import test, { type ExecutionContext } from 'ava';
import type { Browser, Page } from 'playwright-core';
import type { EngineName } from '../../lib/index.js';
import { chromiumMissing, findChromium, launchChromium } from '../support/chromium.js';
import { goldenCases, type Tape } from '../support/golden.js';
import { playOnBackend, replayedBits } from '../support/golden-replay.js';
import {
  bundleForBrowser,
  servePage,
  type Bundle,
  type PageServer,
} from '../support/page-server.js';
import type { PageTests } from './page.js';

const backends: readonly { readonly backend: string; readonly engine: EngineName }[] = [
  { backend: 'webgl', engine: 'portable' },
  { backend: 'webgpu', engine: 'portable' },
  { backend: 'wasm', engine: 'portable' },
  { backend: 'cpu', engine: 'typescript' },
];

/** Backends whose reports are read from the device later. */
const deferring = ['webgl', 'webgpu'];

const chromium = findChromium();
const tapes = goldenCases<Tape>('tape');

let bundle: Bundle;
let server: PageServer;
let browser: Browser;
let page: Page;
const complaints: string[] = [];
const unavailable = new Set<string>();

/** Calls a function of the page. */
async function inPage<Name extends keyof PageTests>(
  name: Name,
  ...parameters: Parameters<PageTests[Name]>
): Promise<Awaited<ReturnType<PageTests[Name]>>> {
  const result = await page.evaluate(
    ([key, values]) =>
      (globalThis.pageTests[key as Name] as (...each: unknown[]) => unknown)(...values),
    [name, parameters] as [string, unknown[]],
  );
  return result as Awaited<ReturnType<PageTests[Name]>>;
}

test.before(async () => {
  bundle = await bundleForBrowser('dist/test/browser/page.js');
  if (chromium === undefined) return;
  server = await servePage(bundle.code);
  browser = await launchChromium(chromium);
  page = await browser.newPage();
  page.setDefaultTimeout(120_000);
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.goto(server.url);
  await page.waitForFunction(() => 'pageTests' in globalThis);
});

test.after.always(async () => {
  // Missing where before() failed.
  await (browser as Browser | undefined)?.close();
  (server as PageServer | undefined)?.close();
});

test('the bundle for browsers takes nothing from Node', (t) => {
  const { inputs, outputs } = bundle.metafile;
  const external = Object.values(outputs).flatMap(({ imports }) => imports);
  t.deepEqual(external, []);
  t.notRegex(bundle.code, /["'`]node:/);
  t.true('dist/lib/platform/addon.browser.js' in inputs);
  t.false('dist/lib/platform/addon.js' in inputs);
});

/** A test that needs the browser: without one it fails in CI and is skipped elsewhere. */
function browserTest(title: string, run: (t: ExecutionContext) => Promise<void>): void {
  if (chromium !== undefined) test.serial(title, run);
  else test.serial.skip(title, run);
}

if (chromium === undefined && process.env['CI']) {
  test('there is a Chromium to test in', (t) => {
    t.fail(chromiumMissing);
  });
} else if (chromium === undefined) {
  test.skip(`skipped: ${chromiumMissing}`, (t) => {
    t.fail();
  });
}

for (const { backend, engine } of backends) {
  const backendTest = (title: string, run: (t: ExecutionContext) => Promise<void>) => {
    browserTest(`${backend}: ${title}`, async (t) => {
      if (unavailable.has(backend)) {
        t.log(`${backend} is not available here: nothing was tested`);
        t.pass();
        return;
      }
      await run(t);
    });
  };

  browserTest(`${backend}: Chromium has it`, async (t) => {
    const { available, renderer } = await inPage('useBackend', backend);
    t.log(`Chromium ${browser.version()}, ${backend} ${available ? 'on' : 'missing'}: ${renderer}`);
    if (available) t.pass();
    else unavailable.add(backend);
    // Chromium offers an adapter for WebGPU on some systems alone.
    t.true(available || backend === 'webgpu');
  });

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
  return Promise.resolve();
});
