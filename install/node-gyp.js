// node-gyp, which builds the add-on, and Node's headers for it. Types: node-gyp.d.ts.
//
// NOTE [node-gyp is no dependency]
// With its tree it is 20 packages and 8.8 MB, of which a machine that has a prebuilt add-on uses none.
// A clone has it among its dev dependencies; in an installed package the one that npm brings serves,
// and npm comes with Node.
import { existsSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installCommand } from '../lib/platform/package-manager.js';
import { findCompiler, findPython, missingCompiler, missingMake } from './toolchain.js';

const script = 'node-gyp/bin/node-gyp.js';

/** A folder that node-gyp takes for one with Node's headers; see common.gypi in it. */
const headersFromPackage = fileURLToPath(new URL('node-gyp', import.meta.url));

/** Where npm may lie: beside the running Node, as its archives have it, or anywhere on the PATH. */
function npmScripts() {
  const node = dirname(realpathSync(process.execPath));
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  return [
    join(node, '..', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js'),
    join(node, 'node_modules', 'npm', 'bin', 'npm-cli.js'),
    ...folders.map((folder) => join(folder, 'npm')),
    ...folders.map((folder) => join(folder, 'node_modules', 'npm', 'bin', 'npm-cli.js')),
  ].filter((path) => existsSync(path));
}

export function findNodeGyp() {
  // Package managers set this for the scripts that they run.
  const chosen = process.env.npm_config_node_gyp;
  for (const origin of [import.meta.url, join(process.cwd(), 'package.json')]) {
    try {
      return createRequire(origin).resolve(script);
    } catch {
      // Not installed there.
    }
  }
  if (chosen && existsSync(chosen)) {
    return chosen;
  }
  for (const npm of npmScripts()) {
    try {
      return createRequire(realpathSync(npm)).resolve(script);
    } catch {
      // A shell script in npm's place, say.
    }
  }
  return undefined;
}

function missingNodeGyp() {
  return findNodeGyp() === undefined
    ? `node-gyp was not found, neither here nor in npm: ${installCommand('node-gyp', { development: true })}`
    : undefined;
}

export function missingForBuild() {
  const python = findPython();
  return [
    missingCompiler(),
    missingMake(),
    python.command === null ? python.missing : undefined,
    missingNodeGyp(),
  ].filter((missing) => missing !== undefined);
}

/** The folder with include/node of the running Node; undefined where the headers lie elsewhere. */
function headersBesideNode() {
  const prefix = dirname(dirname(realpathSync(process.execPath)));
  return existsSync(join(prefix, 'include', 'node', 'node.h')) ? prefix : undefined;
}

export function buildEnvironment() {
  const environment = { ...process.env };
  const headers = headersBesideNode();
  const chosen = environment.npm_config_nodedir ?? environment.npm_package_config_node_gyp_nodedir;
  if (!chosen && headers) {
    environment.npm_config_nodedir = headers;
  }
  const { command } = findCompiler();
  if (command) {
    environment.CXX = command;
  }
  const nodeGyp = findNodeGyp();
  if (nodeGyp) {
    environment.npm_config_node_gyp = nodeGyp;
  }
  return environment;
}

/** Where the headers for this package's add-on come from; undefined: node-gyp finds or loads them. */
function headers() {
  const chosen = process.env.npm_config_nodedir ?? process.env.npm_package_config_node_gyp_nodedir;
  if (chosen) {
    return { directory: chosen, text: `${chosen}, which npm_config_nodedir names` };
  }
  // Elsewhere Node's own common.gypi has settings of the platform, and on Windows one has to link
  // with a library that comes with the headers.
  if (process.platform === 'linux') {
    return { directory: headersFromPackage, text: 'the package node-api-headers' };
  }
  const beside = headersBesideNode();
  return beside && { directory: beside, text: beside };
}

export function headerSource() {
  return headers()?.text ?? 'node-gyp, which downloads them from nodejs.org';
}

export function nodeGypCommand(nodeGypArguments) {
  const nodeGyp = findNodeGyp();
  if (nodeGyp === undefined) {
    throw new Error(missingNodeGyp());
  }
  const directory = headers()?.directory;
  return {
    file: process.execPath,
    arguments: [
      nodeGyp,
      ...nodeGypArguments,
      // For binding.gyp: Node need not be on the PATH.
      `--node_executable=${process.execPath}`,
    ],
    environment: {
      ...buildEnvironment(),
      // Not as an argument, which the variable would win over.
      ...(directory === undefined ? {} : { npm_config_nodedir: directory }),
    },
  };
}
