// Runs what nvcc makes of the kernels that are shipped: its PTX, translated to C++ by ptx/, in the
// place of the kernels, launched by the host code that nvcc makes of the engine.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expectFound, injectBug } from './injected-check.js';
import { injectedBugs } from './injected-bugs.js';
import { parseModule, PtxError } from './ptx/module.js';
import { contractibleInstructions, translateModule } from './ptx/translate.js';
import { build } from './shim-build.js';
import { compileAsShipped, shippedSources } from './shipped.js';
import { CheckFailure, checksFolder, run } from './tools.js';

const ptxFolder = join(checksFolder, 'ptx');
const schedules = ['forward', 'backward', 'random:1'];

/** Files that the C++ of a .cu file is shared out over; rules.cu takes 20 s of clang. */
const parts = 4;

/**
 * What nvcc made for one architecture.
 * @typedef {object} Ptx
 * @property {string} architecture
 * @property {{ file: string, text: string }[]} modules one of each .cu file
 */

/**
 * Compiles the engine to host code and PTX, without ptxas.
 * @param {string} name of a folder for it
 * @param {{ architectures: string[], options?: string[], native?: string }} settings
 * @returns {{ objects: string[], ptx: Ptx[] }}
 */
function compileToPtx(name, { architectures, options = [], native }) {
  const folder = join(ptxFolder, name, 'nvcc');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const objects = [];
  for (const source of shippedSources()) {
    const object = join(folder, `${basename(source.path, '.cu')}.o`);
    compileAsShipped(
      source,
      [
        ...architectures.map((each) => `--generate-code=arch=compute_${each},code=compute_${each}`),
        ...[...options, '--threads=0', '--keep', '--keep-dir', folder, '-c', '-o', object],
      ],
      native,
    );
    objects.push(object);
  }
  // nvcc leaves the architecture out of the name where it is the only one.
  const moduleOf = (/** @type {string} */ stem, /** @type {string} */ architecture) => {
    const names = [`${stem}.compute_${architecture}.ptx`, `${stem}.ptx`];
    const found = names.find((each) => readdirSync(folder).includes(each));
    if (found === undefined) throw new CheckFailure(`nvcc left no PTX of ${stem} in ${folder}`);
    return { file: `${stem}.ptx`, text: readFileSync(join(folder, found), 'utf8') };
  };
  const ptx = architectures.map((architecture) => ({
    architecture,
    modules: objects.map((object) => moduleOf(basename(object, '.o'), architecture)),
  }));
  return { objects, ptx };
}

/** Writes a file where it says something else, so that make compiles nothing for no reason. */
function writeChanged(/** @type {string} */ path, /** @type {string} */ text) {
  try {
    if (readFileSync(path, 'utf8') === text) return;
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  writeFileSync(path, text);
}

/**
 * Translates what nvcc made into a folder that CMake builds as engine_test_NAME. Returns how many
 * kernels there are, and which instructions of floats may be fused by whoever compiles them next.
 * @param {string} name
 * @param {Ptx} ptx
 * @param {readonly string[]} objects
 */
function translate(name, { architecture, modules }, objects) {
  const folder = join(ptxFolder, name);
  mkdirSync(folder, { recursive: true });
  let kernels = 0;
  const contractible = [];
  const written = new Set();
  for (const { file, text } of modules) {
    try {
      const module = parseModule(text);
      kernels += module.kernels.length;
      contractible.push(...contractibleInstructions(module).map((each) => ({ file, ...each })));
      for (const [i, source] of translateModule(module, { file, parts }).entries()) {
        const part = `${basename(file, '.ptx')}_${i}.cc`;
        writeChanged(join(folder, part), source);
        written.add(part);
      }
    } catch (error) {
      if (!(error instanceof PtxError)) throw error;
      throw new CheckFailure(`${file} of compute_${architecture}, ${error.message}`);
    }
  }
  // CMake takes all that lie there.
  for (const file of readdirSync(folder)) {
    if (file.endsWith('.cc') && !written.has(file)) rmSync(join(folder, file));
  }
  for (const object of objects) cpSync(object, join(folder, basename(object)));
  return { folder, kernels, contractible };
}

/** Architectures with the same PTX, but for their names: they need no run each. */
function distinct(/** @type {Ptx[]} */ all) {
  /** @type {Map<string, { ptx: Ptx, architectures: string[] }>} */
  const groups = new Map();
  for (const ptx of all) {
    const text = ptx.modules.map((each) => each.text.replace(/^\.target .*$/m, '')).join('\0');
    const group = groups.get(text) ?? { ptx, architectures: [] };
    group.architectures.push(`compute_${ptx.architecture}`);
    groups.set(text, group);
  }
  return [...groups.values()];
}

function checkShipped() {
  const [{ architectures }] = shippedSources();
  const { objects, ptx } = compileToPtx('shipped', { architectures });
  const groups = distinct(ptx).map((group) => {
    const name = `ptx_${group.ptx.architecture}`;
    const translated = translate(name, group.ptx, objects);
    const [first] = translated.contractible;
    if (first !== undefined) {
      throw new CheckFailure(
        `${first.file} of compute_${group.ptx.architecture} leaves ${translated.contractible.length} ` +
          `instructions without a rounding, which may be fused: the first is ${first.opcode} in line ` +
          `${first.line}`,
      );
    }
    return { name, architectures: group.architectures, ...translated };
  });
  const programs = build(
    'plain',
    groups.map(({ name }) => `engine_test_${name}`),
    { ptx: groups.map(({ folder }) => folder) },
  );
  for (const { name, architectures: same, kernels } of groups) {
    for (const schedule of schedules) {
      const environment = { SIMT_SCHEDULE: schedule };
      const options = schedule === 'forward' ? ['--large'] : [];
      const program = join(programs, `engine_test_${name}`);
      const { ok, output } = run(program, options, { environment });
      if (!ok) throw new CheckFailure(`${same.join(', ')}, ${schedule}:\n${output}`);
      console.log(`  ${same.join(', ')}, ${kernels} kernels, ${schedule}: ${output.trim()}`);
    }
  }
  return ptx[0].architecture;
}

/** What this check exists for: it must not pass where products and sums are fused. */
function tryContraction(/** @type {string} */ architecture) {
  const name = 'ptx_fused';
  const { objects, ptx } = compileToPtx(name, {
    architectures: [architecture],
    options: ['-fmad=true'],
  });
  const { folder, contractible } = translate(name, ptx[0], objects);
  const programs = build('plain', [`engine_test_${name}`], { ptx: [folder] });
  const { ok, output } = run(join(programs, `engine_test_${name}`), []);
  const differences = /(\d+) differences/.exec(output)?.[1];
  if (ok || differences === undefined || contractible.length === 0) {
    throw new CheckFailure(`-fmad=true was not found:\n${output.slice(-2000)}`);
  }
  console.log(
    `  -fmad=true: found, ${differences} differences and ` +
      `${contractible.length} instructions that may still be fused`,
  );
}

/** Bugs that only what nvcc makes has. */
function tryBugs(/** @type {string} */ architecture) {
  for (const bug of injectedBugs.filter((each) => each.build === 'ptx')) {
    const name = `ptx_${bug.name}`;
    const { objects, ptx } = compileToPtx(name, {
      architectures: [architecture],
      native: injectBug(bug),
    });
    const { folder } = translate(name, ptx[0], objects);
    const programs = build('plain', [`engine_test_${name}`], { ptx: [folder] });
    expectFound(bug, join(programs, `engine_test_${name}`));
  }
}

/** What the translator does not know it must refuse. */
function tryRefusals() {
  const kernelOf = (/** @type {string} */ body) =>
    `.version 9.0\n.target sm_80\n.address_size 64\n.entry k(\n.param .u64 k_param_0\n)\n` +
    `.maxntid 256\n{\n.reg .b32 %r<9>;\n.reg .f32 %f<9>;\n${body}\nret;\n}\n`;
  const known = kernelOf('add.rn.f32 %f1, %f2, %f3;');
  translateModule(parseModule(known), { file: 'known', parts: 1 });
  for (const body of [
    'brev.b32 %r1, %r2;',
    'add.rn.ftz.f32 %f1, %f2, %f3;',
    'add.rz.f32 %f1, %f2, %f3;',
    'div.approx.f32 %f1, %f2, %f3;',
    'bar.sync 1;',
    'add.s32 %r1, %r2, %x3;',
    '.local .b8 stack[8];',
  ]) {
    try {
      translateModule(parseModule(kernelOf(body)), { file: 'unknown', parts: 1 });
    } catch (error) {
      if (error instanceof PtxError) continue;
      throw error;
    }
    throw new CheckFailure(`the translator took what it does not know: ${body}`);
  }
}

export function checkPtx() {
  tryRefusals();
  const architecture = checkShipped();
  tryContraction(architecture);
  tryBugs(architecture);
}
