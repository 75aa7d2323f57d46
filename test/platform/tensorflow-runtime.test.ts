import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { wheelHashes } from '../../lib/platform/known-wheels.js';
import {
  packageRoot,
  projectWithTensorFlow,
  runtimeTraces,
  temporaryFolder,
  withoutIsNullOrUndefined,
} from './folders.js';
import { runNode, startNode, until } from './run.js';

const main = join(packageRoot, 'dist', 'cli', 'main.js');

/** Nothing listens on port 9 here: tfjs-node's own download is out at once, on any network. */
const noOwnDownload = { TFJS_NODE_CDN_STORAGE: 'http://127.0.0.1:9/' };

/** An environment in which `python3` is this shell script. */
function withPython(t: ExecutionContext, script: string): NodeJS.ProcessEnv {
  const folder = temporaryFolder(t);
  const path = join(folder, 'python3');
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return { ...noOwnDownload, PATH: `${folder}:${process.env.PATH ?? ''}` };
}

function isRunning(process_: number): boolean {
  try {
    return process.kill(process_, 0);
  } catch {
    return false;
  }
}

/** A NODE_OPTIONS that freezes node:util. */
function frozenUtil(t: ExecutionContext): string {
  const script = join(temporaryFolder(t), 'frozen.cjs');
  // Node defines some of its functions when they are first read, which freezing would not let it do.
  writeFileSync(
    script,
    "const util = require('node:util');\nObject.values(util);\nObject.freeze(util);\n",
  );
  return `--require=${script}`;
}

test('without tfjs-node the command names what to install', async (t) => {
  // tfjs-node-gpu is neither in the project nor among this package's own dependencies.
  const { project } = projectWithTensorFlow(t);
  const { exitCode, output } = await runNode([main, 'tensorflow', '--gpu'], { cwd: project });
  t.is(exitCode, 1);
  t.regex(output, /^error: @tensorflow\/tfjs-node-gpu is not installed/);
  t.regex(output, /npm install @tensorflow\/tfjs-node-gpu/);
  t.notRegex(output, /\n\s+at /, 'no stack without DEBUG');
});

test('what tfjs-node lacks in Node is named before anything is downloaded', async (t) => {
  const NODE_OPTIONS = withoutIsNullOrUndefined(t);
  for (const [environment, remedy] of [
    [{ NODE_OPTIONS, TFJS_ALIG_SKIP_UTIL_FUNCTIONS: '1' }, /unset TFJS_ALIG_SKIP_UTIL_FUNCTIONS/],
    [{ NODE_OPTIONS: `${NODE_OPTIONS} ${frozenUtil(t)}` }, /node:util is frozen/],
  ] as const) {
    const { project, copy } = projectWithTensorFlow(t);
    const { exitCode, output } = await runNode([main, 'tensorflow'], {
      cwd: project,
      environment: { ...noOwnDownload, ...environment },
    });
    t.is(exitCode, 1);
    t.regex(output, /does not work with Node v.*util\.isNullOrUndefined/);
    t.regex(output, remedy);
    t.deepEqual(runtimeTraces(copy), []);
  }
});

test('a wheel that is not the known one is not unpacked', async (t) => {
  // Writes what it is asked for as an empty file into the folder after --dest.
  const pip = (file: string) =>
    withPython(t, `while [ "$1" != --dest ]; do shift; done; : >"$2/${file}"`);
  const empty = createHash('sha256').digest('hex');
  const [known] = Object.keys(wheelHashes) as [string];
  for (const [file, message] of [
    [known, `${known} is damaged or another file, and was not unpacked: its SHA-256 is ${empty}`],
    ['tensorflow_cpu-9.9.9-any.whl', 'no SHA-256 is known of tensorflow_cpu-9.9.9-any.whl'],
  ] as const) {
    const { project, copy } = projectWithTensorFlow(t);
    const { exitCode, output } = await runNode([main, 'tensorflow'], {
      cwd: project,
      environment: pip(file),
    });
    t.is(exitCode, 1);
    t.true(output.includes(message), output);
    t.deepEqual(runtimeTraces(copy), ['tfjs-alig-runtime.log']);
  }
});

test('a pip that fails leaves nothing but its log', async (t) => {
  const { project, copy } = projectWithTensorFlow(t);
  const environment = withPython(t, 'echo "ERROR: the index is down" >&2; exit 1');
  const { exitCode, output } = await runNode([main, 'tensorflow'], { cwd: project, environment });
  t.is(exitCode, 1);
  t.regex(output, /error: .*pip could not download .*: ERROR: the index is down/);
  t.deepEqual(runtimeTraces(copy), ['tfjs-alig-runtime.log']);
  t.regex(readFileSync(join(copy, 'tfjs-alig-runtime.log'), 'utf8'), /the index is down/);
});

test('without a compiler nothing is downloaded', async (t) => {
  const { project, copy } = projectWithTensorFlow(t);
  const environment = { ...withPython(t, 'echo asked >&2; exit 1'), CXX: '/nowhere/g++' };
  const { exitCode, output } = await runNode([main, 'tensorflow'], { cwd: project, environment });
  t.is(exitCode, 1);
  t.regex(output, /CXX names \("\/nowhere\/g\+\+"\) could not be run/);
  t.deepEqual(runtimeTraces(copy), []);
});

test('a forced attempt that fails keeps the runtime that was there', async (t) => {
  const { project, copy } = projectWithTensorFlow(t);
  for (const name of ['deps', 'lib']) {
    mkdirSync(join(copy, name));
    writeFileSync(join(copy, name, 'kept'), name);
  }
  const environment = withPython(t, 'exit 1');
  const { exitCode } = await runNode([main, 'tensorflow', '--force'], {
    cwd: project,
    environment,
  });
  t.is(exitCode, 1);
  t.deepEqual(runtimeTraces(copy), ['deps', 'lib', 'tfjs-alig-runtime.log']);
  for (const name of ['deps', 'lib']) {
    t.is(readFileSync(join(copy, name, 'kept'), 'utf8'), name);
  }
});

/**
 * The address of a host that answers, and has no file. For a serial test: the folders that the other
 * tests copy would keep this process from answering in time.
 */
async function emptyHost(t: ExecutionContext): Promise<string> {
  const server = createServer((_, response) => {
    response.writeHead(404).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

for (const [flags, order] of [
  [[], /^Failed: tfjs-node's own download: .* Trying the wheel tensorflow/m],
  [['--gpu'], /^Failed: the wheel tensorflow==[\d.]+: .* Trying tfjs-node's own download\.$/m],
] as const) {
  const title = flags.length > 0 ? 'for a GPU the wheel comes first' : 'own download comes first';
  test.serial(`where both can be had, ${title}`, async (t) => {
    const { project, copy } = projectWithTensorFlow(t, { gpu: flags.length > 0 });
    const { exitCode, output } = await runNode([main, 'tensorflow', ...flags], {
      cwd: project,
      environment: { ...withPython(t, 'exit 1'), TFJS_NODE_CDN_STORAGE: await emptyHost(t) },
    });
    t.is(exitCode, 1);
    t.regex(output, order);
    t.deepEqual(runtimeTraces(copy), ['tfjs-alig-runtime.log']);
  });
}

// The runtime here is TensorFlow for the CPU.
test.serial(
  'where there is a driver, a runtime that leaves the GPU unused is made anew',
  async (t) => {
    const { project, copy } = projectWithTensorFlow(t, { gpu: true });
    for (const name of ['deps', 'lib']) {
      symlinkSync(
        join(packageRoot, 'node_modules', '@tensorflow', 'tfjs-node', name),
        join(copy, name),
      );
    }
    const module = pathToFileURL(
      join(packageRoot, 'dist', 'lib', 'platform', 'tensorflow-runtime.js'),
    );
    const ensure = (driver: boolean) =>
      runNode(
        [
          '--input-type=module',
          '--eval',
          `import { ensureTensorFlowRuntime } from '${module.href}';
         const progress = { begin() {}, update() {}, end() {}, say: console.log };
         const from = ${JSON.stringify(project)};
         const made = ensureTensorFlowRuntime({ gpu: true, driver: ${driver}, from, progress });
         console.log(await made.catch((error) => error.message));`,
        ],
        { cwd: project, environment: withPython(t, 'exit 1') },
      );
    const withoutDriver = await ensure(false);
    t.regex(withoutDriver.output, /installed: false,\s.*\s*usesGpu: false/);
    const { output } = await ensure(true);
    const problem = "NVIDIA's driver is there, and TensorFlow does not use the GPU; ";
    t.regex(
      output,
      new RegExp(`The runtime of @tensorflow/tfjs-node-gpu does not work: ${problem}`),
    );
    t.regex(output, /No TensorFlow runtime could be made .* the wheel tensorflow==.*pip could not/);
    t.deepEqual(runtimeTraces(copy), ['deps', 'lib', 'tfjs-alig-runtime.log']);
  },
);

test('two at once take turns', async (t) => {
  const { project } = projectWithTensorFlow(t);
  const folder = temporaryFolder(t);
  const record = join(folder, 'record');
  const release = join(folder, 'release');
  const environment = withPython(
    t,
    `echo start >>${record}
     while [ ! -e ${release} ]; do sleep 0.05; done
     echo end >>${record}
     exit 1`,
  );
  const first = startNode([main, 'tensorflow'], { cwd: project, environment });
  await until(() => existsSync(record));
  const second = startNode([main, 'tensorflow'], { cwd: project, environment });
  await until(() => second.output().includes('waiting for its end'));
  t.is(readFileSync(record, 'utf8'), 'start\n');
  writeFileSync(release, '');
  t.is((await first.ended).exitCode, 1);
  t.is((await second.ended).exitCode, 1);
  t.is(readFileSync(record, 'utf8'), 'start\nend\nstart\nend\n');
});

test('SIGTERM ends the children and removes what was begun', async (t) => {
  const { project, copy } = projectWithTensorFlow(t);
  const processFile = join(temporaryFolder(t), 'process');
  const environment = withPython(
    t,
    `echo $$ >${processFile}.new; mv ${processFile}.new ${processFile}; exec sleep 600`,
  );
  const { child, ended } = startNode([main, 'tensorflow'], { cwd: project, environment });
  await until(() => existsSync(processFile));
  child.kill('SIGTERM');
  const { exitCode, output } = await ended;
  t.is(exitCode, 1);
  t.regex(output, /error: Ended by SIGTERM/);
  t.deepEqual(runtimeTraces(copy), ['tfjs-alig-runtime.log']);
  const pip = Number(readFileSync(processFile, 'utf8'));
  t.throws(() => process.kill(pip, 0), { code: 'ESRCH' });
});

// The only test here that needs a network: pip and the real wheel, 274 MB.
test('killed in the middle and repeated, the command makes a runtime that works', async (t) => {
  const { project, copy } = projectWithTensorFlow(t);
  const processFile = join(temporaryFolder(t), 'process');
  const hangs = withPython(
    t,
    `echo $$ >${processFile}.new; mv ${processFile}.new ${processFile}; exec sleep 600`,
  );
  const { child, ended } = startNode([main, 'tensorflow'], { cwd: project, environment: hangs });
  const logFile = 'tfjs-alig-runtime.log';
  // The log is opened while the command starts: on a busy machine it may come last.
  await until(() => existsSync(processFile) && existsSync(join(copy, logFile)));
  child.kill('SIGKILL');
  await ended;
  // pip does not outlive a parent that could not say goodbye.
  const pip = Number(readFileSync(processFile, 'utf8'));
  await until(() => !isRunning(pip));
  const [lock, leftover = '', ...others] = runtimeTraces(copy);
  t.is(lock, '.tfjs-alig-lock');
  t.regex(leftover, /^\.tfjs-alig-staging-/);
  t.deepEqual(others, [logFile]);

  const made = await runNode([main, 'tensorflow'], { cwd: project, environment: noOwnDownload });
  t.is(made.exitCode, 0, made.output);
  t.regex(made.output, /@tensorflow\/tfjs-node [\d.]+ works: TensorFlow 2\.21\.0/);
  t.deepEqual(runtimeTraces(copy), ['deps', 'lib']);

  const again = await runNode([main, 'tensorflow', '--if-missing'], { cwd: project });
  t.is(again.exitCode, 0);
  t.is(again.output, '');

  const told = await runNode([main, 'tensorflow'], { cwd: project });
  t.regex(told.output, /already installed/);
});
