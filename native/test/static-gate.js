// What the compiled kernels are like, read off without a GPU: no spills and no local memory, 16-byte
// loads and stores, no generic ones, registers and theoretical occupancy within static-limits.json.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, delimiter, join } from 'node:path';
import { compileAsShipped, shippedSources } from './shipped.js';
import {
  CheckFailure,
  checksFolder,
  findCuda,
  findProgram,
  MissingTool,
  packageRoot,
  run,
  runChecked,
} from './tools.js';

const threads = 256;
const folder = join(checksFolder, 'static');

/** The kernels that pass over all parameters, and whether they write any. */
const memoryKernels = new Map([
  ['measure', { writes: false }],
  ['updateParameters', { writes: true }],
  ['projectParameters', { writes: true }],
  ['divideElements', { writes: true }],
]);

/**
 * The passes of ALI-G with momentum over all parameters, from the code: bytes of memory and operations
 * in double precision for each. A sum of squares takes a conversion, a multiply-add, and a tree of
 * 1,024 additions for each 16,384 elements.
 */
const doublesOfSum = 2 + 1024 / 16384;
const passesInside = [
  { bytes: 4, doubles: doublesOfSum }, // gradients to measure
  { bytes: 3 * 4 + 2 * 4, doubles: doublesOfSum }, // three arrays read and two written
];
const passesProjected = [...passesInside, { bytes: 2 * 4, doubles: 0 }];

/**
 * Bytes of memory and operations in double precision a second: NVIDIA's data sheets, which count a
 * multiply-add as two.
 */
const gpus = {
  'A100 80GB': { bytes: 2.04e12, doubles: 9.7e12 / 2 },
  'H100 SXM': { bytes: 3.35e12, doubles: 34e12 / 2 },
  H200: { bytes: 4.8e12, doubles: 34e12 / 2 },
  T4: { bytes: 0.32e12, doubles: 0.253e12 / 2 },
  'RTX 3090': { bytes: 0.936e12, doubles: 0.556e12 / 2 },
  'RTX 4090': { bytes: 1.008e12, doubles: 1.29e12 / 2 },
  'RTX 5090': { bytes: 1.792e12, doubles: 1.64e12 / 2 },
};

/**
 * The least milliseconds of a step over 1e9 parameters: each pass takes the longer of its memory and
 * its operations.
 * @param {typeof passesInside} passes
 * @param {{ bytes: number, doubles: number }} rates
 */
function floorOf(passes, rates) {
  const seconds = passes.map(({ bytes, doubles }) =>
    Math.max((1e9 * bytes) / rates.bytes, (1e9 * doubles) / rates.doubles),
  );
  return 1000 * seconds.reduce((sum, each) => sum + each, 0);
}

/** The tools that read compiled kernels; from PyPI where the toolkit came without them. */
function findDisassembler() {
  const names = ['cuobjdump', 'nvdisasm'];
  if (names.every((name) => run(name, ['--version']).ok)) return {};
  const target = join(checksFolder, 'disassembler');
  const programs = join(target, 'nvidia', 'cu13', 'bin');
  if (!names.every((name) => existsSync(join(programs, name)))) {
    const packages = ['nvidia-cuda-cuobjdump==13.5.37', 'nvidia-cuda-nvdisasm==13.5.37'];
    const options = ['--quiet', '--no-deps', '--upgrade', '--target', target];
    const { ok, output } = run('python3', ['-m', 'pip', 'install', ...options, ...packages]);
    if (!ok) {
      throw new MissingTool(
        `cuobjdump and nvdisasm of the CUDA toolkit were not found, and pip could not install ` +
          `${packages.join(' and ')}: ${output.trim().split('\n').at(-1)}`,
      );
    }
  }
  return { PATH: `${programs}${delimiter}${process.env.PATH}` };
}

/**
 * A kernel's name from its mangled one: measureGradients, updateParameters (AliG), or, of a rule
 * that is a template of numbers, updateParameters (RmsPropOf<1,0>).
 * @param {string} mangled
 */
function kernelName(mangled) {
  const nameAndRest = (/** @type {RegExpExecArray | null} */ match) => {
    const [, length = '0', text = ''] = match ?? [];
    return [text.slice(0, Number(length)), text.slice(Number(length))];
  };
  const [kernel, ofKernel] = nameAndRest(/^_ZN9tfjs_alig(\d+)(.*)$/.exec(mangled));
  const [rule, ofRule] = nameAndRest(/^INS_(\d+)(.*)$/.exec(ofKernel));
  if (rule === '') return kernel;
  const numbers = /^I((?:L[a-z]\d+E)+)E/.exec(ofRule)?.[1].match(/\d+/g);
  return `${kernel} (${rule}${numbers ? `<${numbers.join()}>` : ''})`;
}

/**
 * Compiles a file for one architecture; registers and shared memory of each kernel, as ptxas says.
 * @param {string} architecture
 * @param {import('./shipped.js').ShippedSource} source
 */
function compile(architecture, source) {
  const cubin = join(folder, `${basename(source.path)}.${architecture}.cubin`);
  const { output } = compileAsShipped(source, [
    `-arch=${architecture}`,
    ...['-Werror', 'all-warnings', '-Xcompiler', '-Wall,-Wextra'],
    ...['-Xptxas', '-v,-warn-spills,-warn-lmem-usage,-Werror'],
    ...['-cubin', '-o', cubin],
  ]);
  const kernels = new Map();
  let current = '';
  for (const line of output.split('\n')) {
    current = /Compiling entry function '(\S+)'/.exec(line)?.[1] ?? current;
    const registers = /Used (\d+) registers/.exec(line)?.[1];
    if (registers === undefined) continue;
    const shared = /(\d+) bytes smem/.exec(line)?.[1] ?? '0';
    kernels.set(kernelName(current), { registers: Number(registers), shared: Number(shared) });
  }
  return { cubin, kernels };
}

/**
 * How often each instruction occurs in each kernel.
 * @param {string} cubin
 * @param {NodeJS.ProcessEnv} environment
 */
function instructions(cubin, environment) {
  const { stdout } = runChecked('cuobjdump', ['-sass', cubin], { environment });
  const kernels = new Map();
  let counts = new Map();
  for (const line of stdout.split('\n')) {
    const kernel = /Function : (\S+)/.exec(line)?.[1];
    if (kernel !== undefined) {
      counts = new Map();
      kernels.set(kernelName(kernel), counts);
    }
    const instruction = /^\s+\/\*[0-9a-f]{4,}\*\/\s+(?:@!?U?P\w+ )?([A-Z0-9_.]+)/.exec(line)?.[1];
    if (instruction !== undefined) counts.set(instruction, (counts.get(instruction) ?? 0) + 1);
  }
  return kernels;
}

/**
 * @param {Map<string, number>} counts
 * @param {RegExp} pattern
 */
function count(counts, pattern) {
  let sum = 0;
  for (const [instruction, times] of counts) if (pattern.test(instruction)) sum += times;
  return sum;
}

/**
 * All kernels of one architecture with what is limited and what was counted.
 * @param {string} architecture
 * @param {string} occupancyProgram
 * @param {NodeJS.ProcessEnv} environment
 */
function kernelsOf(architecture, occupancyProgram, environment) {
  const measured = shippedSources().flatMap((source) => {
    const { cubin, kernels } = compile(architecture, source);
    const listings = instructions(cubin, environment);
    return Array.from(kernels, ([kernel, { registers, shared }]) => ({
      ...{ architecture, kernel, registers, shared },
      counts: listings.get(kernel) ?? new Map(),
    }));
  });
  const { stdout } = runChecked(occupancyProgram, [
    ...[architecture.slice(3), String(threads)],
    ...measured.flatMap(({ registers, shared }) => [String(registers), String(shared)]),
  ]);
  const occupancies = stdout.trim().split('\n').map(Number);
  return measured.map((kernel, i) => ({ ...kernel, occupancy: occupancies[i] }));
}

/**
 * What is wrong with one kernel.
 * @param {ReturnType<typeof kernelsOf>[number]} measured
 * @param {{ registers: number, occupancy: number } | undefined} limit
 */
function problemsOf({ kernel, registers, occupancy, counts }, limit) {
  const problems = [];
  if (limit === undefined) {
    problems.push(`no limits in static-limits.json: node native/test/check.js static --record`);
  } else {
    if (registers > limit.registers) {
      problems.push(`${registers} registers, more than ${limit.registers}`);
    }
    if (occupancy < limit.occupancy) {
      problems.push(`an occupancy of ${occupancy} %, less than ${limit.occupancy} %`);
    }
  }
  if (counts.size === 0) problems.push('no instruction was read');
  if (count(counts, /^(LD|ST)(\.|$)/) > 0) problems.push('a generic load or store');
  if (count(counts, /^(LDL|STL)/) > 0) problems.push('a load or store of local memory');
  const memory = memoryKernels.get(kernel.split(' ')[0]);
  if (memory && count(counts, /^LDG.*\.128/) === 0) problems.push('no 16-byte load');
  if (memory?.writes && count(counts, /^STG.*\.128/) === 0) problems.push('no 16-byte store');
  return problems;
}

/**
 * The text of static-limits.json, a line for each kernel.
 * @param {Record<string, Record<string, { registers: number, occupancy: number }>>} limits
 */
function limitsText(limits) {
  const architectures = Object.entries(limits).map(([architecture, ofKernels]) => {
    const lines = Object.entries(ofKernels)
      .map(
        ([kernel, { registers, occupancy }]) =>
          `    "${kernel}": { "registers": ${registers}, "occupancy": ${occupancy} }`,
      )
      .sort();
    return `  "${architecture}": {\n${lines.join(',\n')}\n  }`;
  });
  return `{\n${architectures.join(',\n')}\n}\n`;
}

const limitsPath = join(packageRoot, 'native', 'test', 'static-limits.json');

/** The tools of the gate, and the recorded limits of the architectures that they compile for. */
export function findStaticTools() {
  const { nvcc, include } = findCuda();
  findProgram(['cmake'], 'apt-get install cmake (Debian)');
  const compiler = findProgram(['g++', 'clang++'], 'apt-get install g++ (Debian)');
  const environment = findDisassembler();
  const limits = JSON.parse(readFileSync(limitsPath, 'utf8'));
  const known = run(nvcc, ['--list-gpu-code']).stdout;
  const unknown = Object.keys(limits).find((architecture) => !known.includes(architecture));
  if (unknown !== undefined) {
    throw new MissingTool(`this nvcc does not know ${unknown}: install CUDA 12.8 or later`);
  }
  return { include, compiler, environment, limits };
}

/**
 * @param {{ record: boolean }} options record: writes what was measured as the new limits, for
 *   kernels of a new rule or another nvcc
 */
export function staticGate({ record }) {
  const { include, compiler, environment, limits } = findStaticTools();
  mkdirSync(folder, { recursive: true });
  const occupancyProgram = join(folder, 'occupancy');
  runChecked(compiler, [
    ...['-std=c++17', '-isystem', include],
    ...['native/test/occupancy.cc', '-o', occupancyProgram],
  ]);
  const problems = [];
  const rows = [];
  for (const architecture of Object.keys(limits)) {
    const kernels = kernelsOf(architecture, occupancyProgram, environment);
    if (record) {
      limits[architecture] = Object.fromEntries(
        kernels.map(({ kernel, registers, occupancy }) => [kernel, { registers, occupancy }]),
      );
    }
    const names = new Set(kernels.map(({ kernel }) => kernel));
    for (const gone of Object.keys(limits[architecture]).filter((name) => !names.has(name))) {
      problems.push(`${architecture}: there is no kernel ${gone}, which static-limits.json names`);
    }
    for (const measured of kernels) {
      const { kernel, registers, occupancy, shared, counts } = measured;
      rows.push({
        architecture,
        kernel,
        registers,
        occupancy,
        shared,
        'LDG.128': count(counts, /^LDG.*\.128/),
        'STG.128': count(counts, /^STG.*\.128/),
      });
      for (const problem of problemsOf(measured, limits[architecture][kernel])) {
        problems.push(`${architecture}, ${kernel}: ${problem}`);
      }
    }
  }
  console.table(rows);
  if (record) writeFileSync(limitsPath, limitsText(limits));

  for (const [gpu, rates] of Object.entries(gpus)) {
    console.log(
      `  floor of ALI-G with momentum and 1e9 parameters on ${gpu}: ` +
        `${floorOf(passesInside, rates).toFixed(1)} ms, ` +
        `${floorOf(passesProjected, rates).toFixed(1)} ms projected`,
    );
  }
  if (problems.length > 0) throw new CheckFailure(problems.join('\n'));
}
