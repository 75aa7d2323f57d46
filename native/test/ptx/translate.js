// Makes C++ of a module's PTX, one instruction a statement, for the threads of simt/.
import { isContractible, translateInstruction } from './instructions.js';
import { PtxError } from './module.js';

/** The special registers that the kernels read. */
const specialRegisters = new Map([
  ['%tid.x', 'threadIdx.x'],
  ['%ctaid.x', 'blockIdx.x'],
  ['%ctaid.y', 'blockIdx.y'],
  ['%ntid.x', 'blockDim.x'],
  ['%nctaid.x', 'gridDim.x'],
  ['%nctaid.y', 'gridDim.y'],
]);

/** Bits of a number in PTX, as C++: 0f and 0d are the bits of a float, all others are integers. */
function literal(/** @type {string} */ text) {
  const float = /^0[fF]([0-9A-Fa-f]{8})$|^0[dD]([0-9A-Fa-f]{16})$/.exec(text);
  if (float) return float[1] ? `u32{0x${float[1]}u}` : `u64{0x${float[2]}ull}`;
  if (!/^-?(\d+|0x[0-9A-Fa-f]+)U?$/.test(text)) return undefined;
  const [, sign, digits] = /^(-?)(\w+?)U?$/.exec(text);
  const value = BigInt.asUintN(64, sign ? -BigInt(digits) : BigInt(digits));
  return `u64{0x${value.toString(16)}ull}`;
}

/** Translates the operands of one kernel and remembers which registers it used, with their bits. */
class KernelNames {
  /** @type {Map<string, number>} */
  used = new Map();
  line = 0;
  #kernel;
  #module;
  #file;

  /**
   * @param {import('./module.js').Kernel} kernel
   * @param {import('./module.js').Module} module
   * @param {string} file
   */
  constructor(kernel, module, file) {
    this.#kernel = kernel;
    this.#module = module;
    this.#file = file;
  }

  get site() {
    return `{${JSON.stringify(this.#file)}, ${this.line}, 0}`;
  }

  /** @param {string} operand */
  register(operand) {
    const [, prefix, number] = /^%([a-z]+)(\d+)$/.exec(operand) ?? [];
    const bits = this.#kernel.registers.get(prefix);
    if (bits === undefined) this.#refuse(operand);
    // %f64 is no name for a variable where f64 is a type.
    const name = `${prefix}_${number}`;
    this.used.set(name, bits);
    return name;
  }

  /** @param {string} operand */
  bits(operand) {
    const known = specialRegisters.get(operand) ?? literal(operand);
    if (known !== undefined) return known;
    const offset = this.#module.shared.get(operand);
    return offset === undefined ? this.register(operand) : `u32{${offset}u}`;
  }

  /** @param {string} operand */
  predicate(operand) {
    if (operand === '0' || operand === '-1') return String(operand !== '0');
    const name = operand.replace(/^!/, '');
    if (!name.startsWith('%p')) this.#refuse(operand);
    return `${operand.startsWith('!') ? '!' : ''}${this.register(name)}`;
  }

  /**
   * @param {string} operand
   * @param {string} space
   */
  address(operand, space) {
    const [, base, offset = '0'] = /^\[\s*([%\w$]+)(?:\+(-?\d+))?\s*\]$/.exec(operand) ?? [];
    if (base === undefined) this.#refuse(operand);
    if (space === 'param') {
      const index = this.#kernel.parameters.findIndex(({ name }) => name === base);
      if (index < 0) this.#refuse(operand);
      return `parameterAt(parameters[${index}], ${offset})`;
    }
    return space === 'shared'
      ? `sharedWindow + u32(get<u32>(${this.bits(base)}) + (${offset}))`
      : `globalAt(get<u64>(${this.bits(base)}), ${offset})`;
  }

  /** @param {string} name */
  label(name) {
    return name.replace('$', 'label');
  }

  /** @param {string} operand @returns {never} */
  #refuse(operand) {
    throw new PtxError(`unknown operand ${operand}`, this.line);
  }
}

/**
 * A kernel as a function of C++.
 * @param {import('./module.js').Kernel} kernel
 * @param {import('./module.js').Module} module
 * @param {string} file
 * @param {string} functionName
 */
function translateKernel(kernel, module, file, functionName) {
  const names = new KernelNames(kernel, module, file);
  const statements = kernel.statements.map((statement) => {
    if ('label' in statement) return `${names.label(statement.label)}:;`;
    names.line = statement.line;
    const translated = translateInstruction(statement, names);
    return statement.guard ? `if (${names.predicate(statement.guard)}) ${translated}` : translated;
  });
  const declarations = Array.from(names.used, ([name, bits]) =>
    // What is read before it is written is NaN, as in the memory of simt/.
    bits === 1 ? `bool ${name} = false;` : `u${bits} ${name} = static_cast<u${bits}>(-1);`,
  );
  return [
    `// ${kernel.name}`,
    `static void ${functionName}([[maybe_unused]] const void* const* parameters) {`,
    ...[...declarations, ...statements].map((line) => `  ${line}`),
    '}',
  ].join('\n');
}

/**
 * @param {import('./module.js').Kernel} kernel
 * @param {string} functionName
 */
function registration({ name, parameters, mostThreads }, functionName) {
  const sizes = parameters.map(({ bytes }) => bytes).join(', ');
  return `static const Registration registration${functionName}({"${name}", ${functionName}, {${sizes}}, ${mostThreads}});`;
}

/** Shares kernels out over files of about the same length, which are compiled side by side. */
function inParts(
  /** @type {import('./module.js').Kernel[]} */ kernels,
  /** @type {number} */ count,
) {
  const parts = Array.from({ length: count }, () => ({ kernels: [], length: 0 }));
  const longestFirst = [...kernels].sort((a, b) => b.statements.length - a.statements.length);
  for (const kernel of longestFirst) {
    const shortest = parts.reduce((one, other) => (other.length < one.length ? other : one));
    shortest.kernels.push(kernel);
    shortest.length += kernel.statements.length;
  }
  return parts.map((part) => part.kernels).filter((part) => part.length > 0);
}

/**
 * The texts of C++ files with all kernels of a module.
 * @param {import('./module.js').Module} module
 * @param {{ file: string, parts: number }} options file: what messages call the PTX
 */
export function translateModule(module, { file, parts }) {
  return inParts(module.kernels, parts).map((kernels) => {
    const functions = kernels.map((kernel, i) =>
      [
        translateKernel(kernel, module, file, `kernel${i}`),
        registration(kernel, `kernel${i}`),
      ].join('\n'),
    );
    return [
      '#include "ptx/kernel.h"',
      'namespace ptx {',
      `[[maybe_unused]] __shared__ char sharedWindow[${Math.max(module.sharedBytes, 1)}];`,
      ...functions,
      '}  // namespace ptx',
      '',
    ].join('\n');
  });
}

/**
 * The instructions that NOTE [contractible] is about.
 * @param {import('./module.js').Module} module
 */
export function contractibleInstructions(module) {
  return module.kernels.flatMap(({ statements }) =>
    statements.filter((statement) => 'opcode' in statement && isContractible(statement.opcode)),
  );
}
