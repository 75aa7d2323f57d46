// The programs that the native builds of this package need, and words for what is missing. Plain
// JavaScript, because npm runs install/build.js before anything of lib/ is compiled; lib/ imports
// this file as '#toolchain'. Types: toolchain.d.ts.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Tried in this order where CXX is not set; g++ is what node-gyp's make files take by themselves. */
const compilerNames = ['g++', 'c++', 'clang++'];

/** The first match names what is missing; the order is that in which a build needs these things. */
const failureSigns = [
  {
    sign: /Could not find any Python installation|find Python.*not (?:found|set)/i,
    missing: 'Python 3 was not found, and node-gyp needs it',
  },
  {
    sign: /Could not find any Visual Studio/i,
    missing: 'Visual Studio with "Desktop development with C++" was not found',
  },
  {
    sign: /xcode-select|invalid active developer path/i,
    missing: 'the Xcode command line tools were not found',
  },
  { sign: /not found: make|make: not found|spawn make ENOENT/i, missing: 'make was not found' },
  {
    // node-gyp 12 gives no code any more: "... is related to network connectivity".
    sign: /node_api\.h: No such file|(?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT)|FetchError|related to network connectivity/,
    missing:
      "Node's headers are not next to the executable and could not be downloaded " +
      '(npm_config_nodedir names a folder that has include/node)',
  },
  {
    sign: /unsupported GNU version|unsupported clang version/,
    missing: 'nvcc does not take this C++ compiler; CUDAHOSTCXX names an older one',
  },
  { sign: /No space left on device|ENOSPC/, missing: 'the disk is full' },
];

/** What a program prints for `--version`; undefined where it cannot be run. */
function versionOf(file, prefixArguments = []) {
  const result = spawnSync(file, [...prefixArguments, '--version'], { encoding: 'utf8' });
  return result.status === 0 ? result.stdout : undefined;
}

/** The same of a command with arguments in it, as CXX may have (`ccache g++`). */
function versionText(command) {
  const [file = '', ...prefixArguments] = command.split(/\s+/);
  return versionOf(file, prefixArguments);
}

export function findCompiler() {
  const chosen = process.env.CXX?.trim();
  if (process.platform === 'win32') {
    // It is found in the registry and in its install folders, not on the PATH.
    return { command: null, missing: 'on Windows node-gyp looks for Visual Studio by itself' };
  }
  const candidates = chosen ? [chosen] : compilerNames;
  for (const command of candidates) {
    const version = versionText(command);
    if (version !== undefined) {
      return { command, version: version.split('\n')[0] ?? '' };
    }
  }
  return {
    command: null,
    missing: chosen
      ? `the C++ compiler that CXX names ("${chosen}") could not be run`
      : `no C++ compiler was found on the PATH (looked for ${compilerNames.join(', ')})`,
  };
}

export function missingCompiler() {
  const compiler = findCompiler();
  return compiler.command === null && process.platform !== 'win32' ? compiler.missing : undefined;
}

export function compareVersions(one, other) {
  return one.localeCompare(other, 'en', { numeric: true });
}

/** The folders of CUDA toolkits that NVIDIA's packages install: `cuda`, a link to one, goes first. */
function installedToolkits(folder) {
  let names = [];
  try {
    names = readdirSync(folder).filter((name) => /^cuda-[\d.]+$/.test(name));
  } catch {
    // There is no such folder, on Windows for example.
  }
  const newestFirst = names.sort((a, b) => compareVersions(b, a));
  return ['cuda', ...newestFirst].map((name) => join(folder, name));
}

export function findCudaProgram(name, installFolder = '/usr/local') {
  const inFolder = (folder) => join(folder, 'bin', name);
  const { CUDA_HOME, CUDA_PATH } = process.env;
  const chosen = [CUDA_HOME, CUDA_PATH].filter(Boolean);
  const candidates =
    chosen.length > 0
      ? chosen.map(inFolder)
      : [name, ...installedToolkits(installFolder).map(inFolder)];
  for (const command of candidates) {
    const text = versionOf(command);
    if (text !== undefined) return { command, text };
  }
  return {
    command: null,
    missing:
      chosen.length > 0
        ? `${name} was not found where CUDA_HOME and CUDA_PATH say (${candidates.join(', ')})`
        : `${name} was not found, neither on the PATH nor in ${installFolder}/cuda*/bin`,
  };
}

export function hasNvidiaDriver() {
  return existsSync('/dev/nvidiactl');
}

export function findNvcc() {
  const found = findCudaProgram('nvcc');
  if (found.command === null) return found;
  const version = /release ([\d.]+)/.exec(found.text)?.[1] ?? 'of unknown version';
  return { command: found.command, version };
}

export function findPython() {
  // In node-gyp's order.
  const chosen = process.env.npm_config_python || process.env.NODE_GYP_FORCE_PYTHON;
  const named = [process.env.PYTHON, 'python3', 'python'].filter(Boolean);
  const candidates = chosen ? [chosen] : named;
  for (const command of candidates) {
    const version = /^Python (3\..*)$/m.exec(versionText(command) ?? '')?.[1];
    if (version !== undefined) {
      return { command, version: version.trim() };
    }
  }
  return {
    command: null,
    missing: chosen
      ? `"${chosen}", which npm_config_python or NODE_GYP_FORCE_PYTHON names, is no Python 3`
      : 'Python 3 was not found, and node-gyp needs it',
  };
}

export function missingMake() {
  if (process.platform === 'win32') {
    return undefined;
  }
  return versionText(process.env.MAKE || 'make') === undefined ? 'make was not found' : undefined;
}

export function missingCMake() {
  return versionText('cmake') === undefined
    ? 'cmake was not found on the PATH (on Debian and Ubuntu: apt install cmake)'
    : undefined;
}

export function explainBuildFailure(log) {
  const known = failureSigns.find(({ sign }) => sign.test(log));
  if (known) {
    return known.missing;
  }
  const lines = log.split('\n').map((line) => line.trim());
  const firstError = lines.find(
    (line) =>
      !line.startsWith('gyp ERR!') &&
      (/\berror(?: C\d+)?:/i.test(line) || /^gyp: |^make.*\*\*\* /.test(line)),
  );
  const cmakeError = lines.findIndex((line) => line.startsWith('CMake Error'));
  if (cmakeError >= 0) {
    // "CMake Error at file:line (command):", an empty line perhaps, and then what is wrong.
    return lines.slice(cmakeError + 1).find((line) => line !== '') ?? lines[cmakeError];
  }
  const gypError = lines.find((line) => /^gyp ERR! stack Error: /.test(line));
  return firstError ?? gypError?.replace(/^gyp ERR! stack Error: /, '') ?? 'the build failed';
}

export function logEnd(log, lineCount = 40) {
  return log.trimEnd().split('\n').slice(-lineCount).join('\n');
}
