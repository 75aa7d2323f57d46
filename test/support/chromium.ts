/** Finds and starts the Chromium that browser tests drive. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium, type Browser } from 'playwright-core';

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The environment variable CHROMIUM, or the first Chromium on PATH; undefined: there is none. */
export function findChromium(): string | undefined {
  const { CHROMIUM, PATH = '' } = process.env;
  if (CHROMIUM) return CHROMIUM;
  return ['chromium', 'chromium-browser', 'google-chrome']
    .flatMap((name) => PATH.split(delimiter).map((folder) => join(folder, name)))
    .find(isExecutable);
}

/** Says why browser tests can't run and how to make them run. */
export const chromiumMissing =
  'no Chromium on PATH: install it (Debian: apt-get install chromium) or set CHROMIUM to its path';

/** Starts Chromium without a screen; WebGL and WebGPU are drawn in software, by SwiftShader. */
export function launchChromium(executablePath: string): Promise<Browser> {
  return chromium.launch({
    executablePath,
    // A machine that runs other tests beside this one starts it slowly.
    timeout: 300_000,
    args: [
      '--use-angle=swiftshader',
      '--enable-unsafe-swiftshader',
      '--enable-unsafe-webgpu',
      '--use-webgpu-adapter=swiftshader',
      // Without Vulkan for the page as well a canvas cannot show what WebGPU drew, which is how
      // tfjs's webgpu backend reads synchronously.
      '--enable-features=Vulkan',
      '--use-vulkan=swiftshader',
      // A machine without network: nothing but the test's own server is to be asked.
      '--disable-quic',
      '--disable-sync',
      // Chromium refuses to run its sandbox as root, as containers do.
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
    ],
  });
}
