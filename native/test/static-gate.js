// What the compiled kernels are like, read off without a GPU: no spills and no local memory, 16-byte
// loads and stores, no generic ones, registers and theoretical occupancy within static-limits.json.
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
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

/** Passes of 4 bytes over all parameters that the memory kernels make, from their code. */
const passes = {
  measureGradients: { reads: 1, writes: 0 },
  updateParameters: { reads: 3, writes: 2 },
  projectParameters: { reads: 1, writes: 1 },
};

/** Bytes of memory a second; data sheets. */
const bandwidths = { 'A100 80GB': 2.04e12, 'H100 SXM': 3.35e12, H200: 4.8e12 };

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

/** AliG::Form, in its order. */
const forms = ['plain', 'Nesterov', 'adjusted'];

/**
 * A kernel's name from its mangled one: measureGradients, updateParameters (plain), ...
 * @param {string} mangled
 */
function kernelName(mangled) {
  const [, length = '0', rest = ''] = /^_ZN9tfjs_alig(\d+)(.*)$/.exec(mangled) ?? [];
  const form = /FormE(\d)E/.exec(rest)?.[1];
  const name = rest.slice(0, Number(length));
  return form === undefined ? name : `${name} (${forms[Number(form)]})`;
}

/**
 * Compiles for one architecture; registers and shared memory of each kernel, as ptxas says.
 * @param {string} nvcc
 * @param {string} architecture
 */
function compile(nvcc, architecture) {
  const cubin = join(folder, `${architecture}.cubin`);
  const { output } = runChecked(nvcc, [
    ...['-std=c++17', '-O3', '-fmad=false', `-arch=${architecture}`, '-Inative'],
    ...['-Werror', 'all-warnings', '-Xcompiler', '-Wall,-Wextra'],
    ...['-Xptxas', '-v,-warn-spills,-warn-lmem-usage,-Werror'],
    ...['-cubin', '-o', cubin, 'native/cuda/engine.cu'],
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

export function staticGate() {
  const { nvcc, include } = findCuda();
  const compiler = findProgram(['g++', 'clang++'], 'apt-get install g++ (Debian)');
  const environment = findDisassembler();
  mkdirSync(folder, { recursive: true });
  const occupancyProgram = join(folder, 'occupancy');
  runChecked(compiler, [
    ...['-std=c++17', '-isystem', include],
    ...['native/test/occupancy.cc', '-o', occupancyProgram],
  ]);
  const limitsPath = join(packageRoot, 'native', 'test', 'static-limits.json');
  const limits = JSON.parse(readFileSync(limitsPath, 'utf8'));
  const known = run(nvcc, ['--list-gpu-code']).stdout;

  const problems = [];
  const rows = [];
  for (const [architecture, limitsOfKernels] of Object.entries(limits)) {
    if (!known.includes(architecture)) {
      throw new MissingTool(`this nvcc does not know ${architecture}: install CUDA 12.8 or later`);
    }
    const { cubin, kernels } = compile(nvcc, architecture);
    const listings = instructions(cubin, environment);
    const wanted = Object.keys(limitsOfKernels).sort().join(', ');
    if ([...kernels.keys()].sort().join(', ') !== wanted) {
      problems.push(`${architecture}: kernels are not those of static-limits.json: ${wanted}`);
    }
    for (const [kernel, { registers, shared }] of kernels) {
      const counts = listings.get(kernel) ?? new Map();
      const { stdout } = runChecked(
        occupancyProgram,
        [architecture.slice(3), registers, shared, threads].map(String),
      );
      const occupancy = Number(stdout);
      const row = {
        architecture,
        kernel,
        registers,
        occupancy,
        shared,
        'LDG.128': count(counts, /^LDG.*\.128/),
        'STG.128': count(counts, /^STG.*\.128/),
      };
      rows.push(row);
      const fail = (text) => problems.push(`${architecture}, ${kernel}: ${text}`);
      const limit = limitsOfKernels[kernel];
      if (limit && registers > limit.registers) {
        fail(`${registers} registers, more than ${limit.registers}`);
      }
      if (limit && occupancy < limit.occupancy) {
        fail(`an occupancy of ${occupancy} %, less than ${limit.occupancy} %`);
      }
      if (counts.size === 0) fail('no instruction was read');
      if (count(counts, /^(LD|ST)(\.|$)/) > 0) fail('a generic load or store');
      if (count(counts, /^(LDL|STL)/) > 0) fail('a load or store of local memory');
      const traffic = passes[kernel.split(' ')[0]];
      if (traffic && row['LDG.128'] === 0) fail('no 16-byte load');
      if (traffic && traffic.writes > 0 && row['STG.128'] === 0) fail('no 16-byte store');
    }
  }
  console.table(rows);

  const bytes = Object.fromEntries(
    Object.entries(passes).map(([kernel, { reads, writes }]) => [kernel, 4 * (reads + writes)]),
  );
  const inside = bytes.measureGradients + bytes.updateParameters;
  const outside = inside + bytes.projectParameters;
  console.log(`  bytes a parameter: ${JSON.stringify(bytes)}`);
  for (const [gpu, bandwidth] of Object.entries(bandwidths)) {
    const floor = (total) => ((1e9 * total) / bandwidth) * 1000;
    console.log(
      `  floor for 1e9 parameters on ${gpu}: ${floor(inside).toFixed(2)} ms, ` +
        `${floor(outside).toFixed(2)} ms with projection`,
    );
  }
  if (problems.length > 0) throw new CheckFailure(problems.join('\n'));
}
