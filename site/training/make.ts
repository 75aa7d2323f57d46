/** Makes the page that trains in the browser: files that load nothing from elsewhere. */
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import type { ImageSet } from '../../experiments/data/dataset.js';
import { imageSize, loadMnist } from '../../experiments/mnist/data.js';
import { packageRoot } from '../../lib/platform/package.js';
import type { PackedDigits, PageData } from './page-data.js';

/** 2 MB of digits: enough to see a network learn, and what a page may weigh. */
const trainingDigits = 2000;
const testDigits = 500;

/** The first digits of a set; MNIST has them in random order. */
function packed({ images, labels }: ImageSet, count: number): PackedDigits {
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
  return {
    images: base64(images.subarray(0, count * imageSize ** 2)),
    labels: base64(labels.subarray(0, count)),
  };
}

async function wasmBinaries(): Promise<Record<string, string>> {
  const folder = dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm'));
  const names = (await readdir(folder)).filter((name) => name.endsWith('.wasm'));
  const entries = names.map(async (name) => {
    const bytes = await readFile(join(folder, name));
    return [name, `data:application/wasm;base64,${bytes.toString('base64')}`] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

/** Makes the page in a folder, beside what is there. */
export async function makeTrainingPage(folder: string): Promise<void> {
  const { training, test } = loadMnist();
  const data: PageData = {
    training: packed(training, trainingDigits),
    test: packed(test, testDigits),
    wasm: await wasmBinaries(),
  };
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'data.js'), `var trainingPageData = ${JSON.stringify(data)};\n`);
  // A classic script: of a page that is opened as a file, browsers load no modules.
  await build({
    entryPoints: [join(packageRoot, 'dist/site/training/page.js')],
    outfile: join(folder, 'page.js'),
    bundle: true,
    minify: true,
    format: 'iife',
    platform: 'browser',
    conditions: ['browser'],
    logLevel: 'error',
  });
  const source = join(packageRoot, 'site/training');
  for (const name of ['index.html', 'page.css']) {
    await copyFile(join(source, name), join(folder, name));
  }
  const charts = createRequire(import.meta.url).resolve('uplot/dist/uPlot.min.css');
  await copyFile(charts, join(folder, 'charts.css'));
}
