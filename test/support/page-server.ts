/** Bundles the page of the browser tests and serves it with what it fetches. */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Metafile } from 'esbuild';

// Compiled tests lie in dist/test/support.
const root = new URL('../../../', import.meta.url);

const folders: Readonly<Record<string, URL>> = {
  golden: new URL('test/golden/', root),
  wasm: new URL('node_modules/@tensorflow/tfjs-backend-wasm/dist/', root),
};

const contentTypes: Readonly<Record<string, string>> = {
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

export interface Bundle {
  readonly code: string;
  readonly metafile: Metafile;
}

/** Bundles a compiled script for browsers, as a web application's build would. */
export async function bundleForBrowser(script: string): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: fileURLToPath(root),
    entryPoints: [script],
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'browser',
    conditions: ['browser'],
    logLevel: 'error',
  });
  return { code: outputFiles[0]!.text, metafile };
}

export interface PageServer {
  readonly url: string;
  close(): void;
}

async function answer(path: string, code: string): Promise<readonly [string, string | Buffer]> {
  if (path === '/') {
    const html =
      '<!doctype html><meta charset="utf-8"><script type="module" src="page.js"></script>';
    return ['text/html', html];
  }
  if (path === '/page.js') return ['text/javascript', code];
  const [, folder = '', file = ''] = path.split('/');
  const type = contentTypes[extname(file)];
  if (!folders[folder] || !type) throw new Error(`nothing at ${path}`);
  return [type, await readFile(new URL(basename(file), folders[folder]))];
}

/** Serves the page on a free port of this machine alone. */
export async function servePage(code: string): Promise<PageServer> {
  const server = createServer((request, response) => {
    answer(request.url ?? '/', code).then(
      ([type, body]) => response.setHeader('content-type', type).end(body),
      (error: unknown) => response.writeHead(404).end(String(error)),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
