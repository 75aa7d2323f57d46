// Makes the prebuilt native parts of the package: prebuilds/PLATFORM/tfjs_alig.node of this platform,
// and on Linux x64 with Debian's cross compiler that of Linux arm64; and where nvcc is, the CUDA engine
// of this platform beside it. What is asked for by name (`npm run prebuild linux-arm64 cuda`) has to
// succeed, and to be fit for a release. `--check` makes nothing, and fails unless those of all platforms
// are there. The release workflow makes those of the others.
import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { platformName, prebuiltAddon, prebuiltCudaEngine } from '../lib/platform/addon-files.js';
import { buildCudaEngine, libraryName } from './cuda-engine.js';
import { nodeGypCommand } from './node-gyp.js';
import { compareVersions, findNvcc } from './toolchain.js';

const packageRoot = fileURLToPath(new URL('..', import.meta.url));

/** What the package comes with; .github/workflows/release.yml has a machine for each. */
const allPlatforms = [
  'darwin-arm64',
  'darwin-x64',
  'linux-arm64',
  'linux-arm64-musl',
  'linux-x64',
  'linux-x64-musl',
  'win32-x64',
];

const crossPlatform = 'linux-arm64';
const crossTools = 'aarch64-linux-gnu-';

/** See NOTE [glibc of the prebuilt add-on] in native/node/old_libraries.h. */
const newestAllowed = { GLIBC: '2.17', GLIBCXX: '3.4.22', CXXABI: '1.3.9', GCC: '4.5' };

const cudaPlatforms = ['linux-arm64', 'linux-x64'];

/**
 * The CUDA runtime within is linked as NVIDIA has compiled it, with the newest symbols of the machine's
 * glibc; 2.28, that of Red Hat 8, is what Node 20 needs too.
 */
const newestAllowedOfCuda = { ...newestAllowed, GLIBC: '2.28' };

/**
 * NOTE [the prebuilt CUDA engine]
 * The driver must be for the major version of CUDA that it was made with, or a newer one: 12 has the
 * oldest drivers, and 12.9 is the last of it. With this flag, which nvcc has since 12.8, five architectures
 * are 1.75 MB (1.16 MB packed) in place of 8.9 (2.1 packed); drivers can unpack that since CUDA 12.4.
 */
const smallestCode = '--compress-mode=size';
const mostCudaBytes = 2.5e6;

function run(file, commandArguments, options = {}) {
  console.log(`$ ${[file, ...commandArguments].join(' ')}`);
  const { status, error } = spawnSync(file, commandArguments, {
    stdio: ['ignore', 'inherit', 'inherit'],
    ...options,
  });
  if (error || status !== 0) {
    throw new Error(`${file} failed: ${error?.message ?? `exit code ${status}`}`);
  }
}

function canRun(file) {
  return spawnSync(file, ['--version'], { stdio: 'ignore' }).status === 0;
}

/** Fails where the add-on would not load with the oldest libraries that it promises. */
function assertOldLibraries(path, objdump, allowed) {
  const { stdout, status } = spawnSync(objdump, ['-T', path], { encoding: 'utf8' });
  if (status !== 0) {
    throw new Error(`${objdump} cannot read ${path}`);
  }
  const needed = [...stdout.matchAll(/\b(GLIBC|GLIBCXX|CXXABI|GCC)_([\d.]+)\)? +(\S+)$/gm)];
  const tooNew = needed.filter(
    ([, library, version]) => compareVersions(version, allowed[library]) > 0,
  );
  if (needed.length === 0 || tooNew.length > 0) {
    const list = tooNew.map(([, library, version, symbol]) => `${symbol} (${library}_${version})`);
    throw new Error(
      `${path} needs newer libraries than it may: ${list.join(', ') || 'none found'}`,
    );
  }
  for (const library of Object.keys(allowed)) {
    const versions = needed.filter(([, name]) => name === library).map(([, , version]) => version);
    const newest = versions.reduce((a, b) => (compareVersions(b, a) > 0 ? b : a), '0');
    console.log(`${library}_${newest} is the newest ${library} that it needs`);
  }
}

function make(platform) {
  const cross = platform !== platformName();
  const tools = cross ? crossTools : '';
  const glibc = platform.startsWith('linux') && !platform.endsWith('-musl');
  // In a folder of its own, so that a build from source and this one leave each other alone; the
  // times of the files are kept, so that make compiles again only what has changed.
  const folder = join(packageRoot, 'build', 'prebuild', platform);
  mkdirSync(folder, { recursive: true });
  for (const name of ['binding.gyp', 'package.json', 'native', join('install', 'node-gyp')]) {
    const options = { recursive: true, preserveTimestamps: true };
    cpSync(join(packageRoot, name), join(folder, name), options);
  }
  const command = nodeGypCommand([
    ...['configure', 'build', '--jobs=max', `--arch=${platform.split('-')[1]}`],
    ...(glibc ? ['--old_libraries=1'] : []),
  ]);
  const environment = cross
    ? { CC: `${tools}gcc`, CXX: `${tools}g++`, AR: `${tools}ar`, LINK: `${tools}g++` }
    : {};
  run(command.file, command.arguments, {
    cwd: folder,
    env: { ...command.environment, ...environment },
  });
  const target = prebuiltAddon(packageRoot, platform);
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(join(folder, 'build', 'Release', 'tfjs_alig.node'), target);
  if (platform.startsWith('linux')) {
    run(`${tools}strip`, ['--strip-unneeded', target]);
  } else if (platform.startsWith('darwin')) {
    run('strip', ['-x', target]);
  }
  if (glibc) {
    assertOldLibraries(target, `${tools}objdump`, newestAllowed);
  }
  tellSize(target);
}

function tellSize(path) {
  console.log(`${path}: ${(statSync(path).size / 1e6).toFixed(2)} MB`);
}

/** Makes the CUDA engine of this platform. */
function makeCuda(nvcc, { forRelease }) {
  if (forRelease && !/^12\./.test(nvcc.version)) {
    throw new Error(
      `nvcc ${nvcc.version} makes what only drivers for CUDA ${parseInt(nvcc.version)} load: take 12.9`,
    );
  }
  const folder = join(packageRoot, 'build', 'prebuild', 'cuda');
  buildCudaEngine({
    nvcc,
    folder,
    flags: [smallestCode],
    run: ({ file, arguments: commandArguments, environment }) => {
      run(file, commandArguments, { cwd: packageRoot, env: environment });
      return { ok: true };
    },
  });
  const target = prebuiltCudaEngine(packageRoot);
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(join(folder, libraryName), target);
  run('strip', ['--strip-unneeded', target]);
  tellSize(target);
  if (!forRelease) return;
  assertOldLibraries(target, 'objdump', newestAllowedOfCuda);
  if (statSync(target).size > mostCudaBytes) {
    throw new Error(`${target} is larger than ${mostCudaBytes / 1e6} MB`);
  }
}

function missingPrebuilds() {
  return [
    ...allPlatforms.map((platform) => prebuiltAddon(packageRoot, platform)),
    ...cudaPlatforms.map((platform) => prebuiltCudaEngine(packageRoot, platform)),
  ].filter((path) => !existsSync(path));
}

const wanted = process.argv.slice(2);
try {
  if (wanted.includes('--check')) {
    const missing = missingPrebuilds();
    if (missing.length > 0) {
      throw new Error(
        `prebuilt files are missing: ${missing.join(', ')}; the release workflow makes them`,
      );
    }
  } else if (wanted.length > 0) {
    for (const name of wanted) {
      if (name === 'cuda') {
        const nvcc = findNvcc();
        if (nvcc.command === null) throw new Error(nvcc.missing);
        makeCuda(nvcc, { forRelease: true });
      } else {
        make(name);
      }
    }
  } else {
    make(platformName());
    if (platformName() === 'linux-x64') {
      if (canRun(`${crossTools}g++`)) {
        make(crossPlatform);
      } else {
        console.log(`${crossPlatform} left out: apt install g++-aarch64-linux-gnu`);
      }
    }
    const nvcc = findNvcc();
    if (nvcc.command !== null && cudaPlatforms.includes(platformName())) {
      makeCuda(nvcc, { forRelease: false });
    } else {
      console.log(`CUDA engine left out: ${nvcc.missing ?? `there is none for ${platformName()}`}`);
    }
  }
} catch (error) {
  console.error(`prebuild: ${error.message}`);
  process.exitCode = 1;
}
