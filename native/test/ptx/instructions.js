// What each PTX instruction is in C++, in the words of kernel.h. A form that is not listed is
// refused: no flush of denormals, no approximations, no other rounding than to the nearest.
import { PtxError } from './module.js';

/**
 * What an instruction's operands are in C++.
 * @typedef {object} Names
 * @property {(operand: string) => string} register to be written
 * @property {(operand: string) => string} bits of a register or number
 * @property {(operand: string) => string} predicate
 * @property {(operand: string, space: string) => string} address
 * @property {(label: string) => string} label
 * @property {string} site
 */

/**
 * @typedef {(match: RegExpExecArray, operands: string[], names: Names) => string} Translation
 */

const float = '(f32|f64)';
const integer = '([us](?:16|32|64))';
const anyType = '((?:[bus](?:8|16|32|64))|f32|f64)';
const symbols = { add: '+', sub: '-', mul: '*', div: '/', and: '&', or: '|', xor: '^' };
const logical = { and: '&&', or: '||', xor: '!=' };

/** Comparisons; of floats those with a u are true where one is NaN. */
const comparisons = {
  eq: (a, b) => `${a} == ${b}`,
  ne: (a, b) => `${a} != ${b}`,
  lt: (a, b) => `${a} < ${b}`,
  le: (a, b) => `${a} <= ${b}`,
  gt: (a, b) => `${a} > ${b}`,
  ge: (a, b) => `${a} >= ${b}`,
};
const floatComparisons = {
  ...comparisons,
  ne: (a, b) => `(${a} < ${b} || ${a} > ${b})`,
  equ: (a, b) => `!(${a} < ${b} || ${a} > ${b})`,
  neu: (a, b) => `${a} != ${b}`,
  ltu: (a, b) => `!(${a} >= ${b})`,
  leu: (a, b) => `!(${a} > ${b})`,
  gtu: (a, b) => `!(${a} <= ${b})`,
  geu: (a, b) => `!(${a} < ${b})`,
  num: (a, b) => `(${a} == ${a} && ${b} == ${b})`,
  nan: (a, b) => `!(${a} == ${a} && ${b} == ${b})`,
};

const unsigned = (/** @type {string} */ type) => `u${type.slice(1)}`;
const twice = (/** @type {string} */ type) => `${type[0]}${2 * Number(type.slice(1))}`;

/**
 * @param {Names} names
 * @param {string} operand
 * @param {string} expression
 */
const set = (names, operand, expression) => `set(${names.register(operand)}, ${expression});`;

/**
 * @param {Names} names
 * @param {string} type
 * @param {string} operand
 */
const get = (names, type, operand) => `get<${type}>(${names.bits(operand)})`;

/**
 * An instruction of which each operand has one type and which gives the same.
 * @param {(operands: string[], type: string) => string} expression
 * @param {(type: string) => string} [operandType]
 * @returns {Translation}
 */
function ofOneType(expression, operandType = (type) => type) {
  return (match, [to, ...from], names) => {
    const written = match.at(-1);
    const type = operandType(written);
    const values = from.map((operand) => get(names, type, operand));
    return set(names, to, `${type}(${expression(values, written)})`);
  };
}

/** The elements of an operand that may be a vector, {%f1, %f2}. */
function elements(/** @type {string} */ operand) {
  return operand.startsWith('{')
    ? operand
        .slice(1, -1)
        .split(',')
        .map((each) => each.trim())
    : [operand];
}

/**
 * Integers are added and multiplied without sign, where C++ defines overflow as PTX does.
 * @param {(values: string[], type: string) => string} expression
 */
const modular = (expression) => ofOneType(expression, unsigned);

/** @type {[RegExp, Translation][]} */
const translations = [
  [
    RegExp(`^(add|sub|mul|div)\\.rn\\.${float}$`),
    (match, operands, names) =>
      ofOneType(([a, b]) => `${a} ${symbols[match[1]]} ${b}`)(match, operands, names),
  ],
  // NOTE [contractible]
  [
    RegExp(`^(add|sub|mul)\\.${float}$`),
    (match, operands, names) =>
      ofOneType(([a, b]) => `${a} ${symbols[match[1]]} ${b}`)(match, operands, names),
  ],
  [RegExp(`^fma\\.rn\\.${float}$`), ofOneType(([a, b, c]) => `std::fma(${a}, ${b}, ${c})`)],
  [RegExp(`^sqrt\\.rn\\.${float}$`), ofOneType(([a]) => `std::sqrt(${a})`)],
  [RegExp(`^rcp\\.rn\\.${float}$`), ofOneType(([a], type) => `${type}(1) / ${a}`)],
  [RegExp(`^abs\\.${float}$`), ofOneType(([a]) => `std::fabs(${a})`)],
  [RegExp(`^neg\\.${float}$`), ofOneType(([a]) => `-${a}`)],
  [
    RegExp(`^(min|max)\\.(?:${float}|${integer})$`),
    (match, [to, a, b], names) => {
      const type = match[2] ?? match[3];
      const name = match[1] === 'min' ? 'smaller' : 'larger';
      return set(names, to, `${name}(${get(names, type, a)}, ${get(names, type, b)})`);
    },
  ],
  [RegExp(`^add\\.${integer}$`), modular(([a, b]) => `${a} + ${b}`)],
  [RegExp(`^sub\\.${integer}$`), modular(([a, b]) => `${a} - ${b}`)],
  [RegExp(`^neg\\.${integer}$`), modular(([a]) => `0 - ${a}`)],
  // Not as int, to which C++ would promote 16 bits.
  [RegExp(`^mul\\.lo\\.${integer}$`), modular(([a, b]) => `u64(${a}) * ${b}`)],
  [RegExp(`^mad\\.lo\\.${integer}$`), modular(([a, b, c]) => `u64(${a}) * ${b} + ${c}`)],
  [
    /^mul\.wide\.([us](?:16|32))$/,
    ([, type], [to, a, b], names) => {
      const wide = twice(type);
      return set(names, to, `${wide}(${wide}(${get(names, type, a)}) * ${get(names, type, b)})`);
    },
  ],
  [
    /^mad\.wide\.([us](?:16|32))$/,
    ([, type], [to, a, b, c], names) => {
      const wide = twice(type);
      const product = `${wide}(${get(names, type, a)}) * ${get(names, type, b)}`;
      const sum = `u64(${product}) + ${get(names, unsigned(wide), c)}`;
      return set(names, to, `${unsigned(wide)}(${sum})`);
    },
  ],
  [
    /^(and|or|xor)\.(b16|b32|b64)$/,
    (match, operands, names) =>
      ofOneType(([a, b]) => `${a} ${symbols[match[1]]} ${b}`)(match, operands, names),
  ],
  [/^not\.(b16|b32|b64)$/, ofOneType(([a]) => `~${a}`)],
  [
    /^(and|or|xor)\.pred$/,
    ([, operation], [to, a, b], names) =>
      `${names.register(to)} = ${names.predicate(a)} ${logical[operation]} ${names.predicate(b)};`,
  ],
  [/^not\.pred$/, (_, [to, a], names) => `${names.register(to)} = !${names.predicate(a)};`],
  [
    /^(shl\.(b16|b32|b64)|shr\.([bus](?:16|32|64)))$/,
    ([, operation, left, right], [to, a, amount], names) =>
      set(
        names,
        to,
        `${operation.startsWith('shl') ? 'shiftLeft' : 'shiftRight'}` +
          `(${get(names, left ?? right, a)}, ${get(names, 'u32', amount)})`,
      ),
  ],
  [
    RegExp(`^setp\\.([a-z]+)(?:\\.(and|or|xor))?\\.${anyType}$`),
    ([, name, operation, type], [to, a, b, other], names) => {
      // lo, ls, hi and hs, the older names for numbers without sign, are not known.
      const compare = (type.startsWith('f') ? floatComparisons : comparisons)[name];
      if (compare === undefined) return '';
      const result = compare(get(names, type, a), get(names, type, b));
      const joined = operation && ` ${logical[operation]} ${names.predicate(other)}`;
      return `${names.register(to)} = ${joined ? `(${result})${joined}` : result};`;
    },
  ],
  [
    RegExp(`^selp\\.${anyType}$`),
    ([, type], [to, a, b, condition], names) =>
      set(
        names,
        to,
        `${names.predicate(condition)} ? ${get(names, type, a)} : ${get(names, type, b)}`,
      ),
  ],
  [
    /^cvt\.([us](?:8|16|32|64))\.([us](?:8|16|32|64))$/,
    ([, type, from], [to, a], names) => set(names, to, `${type}(${get(names, from, a)})`),
  ],
  [/^cvt\.f64\.f32$/, (_, [to, a], names) => set(names, to, `f64(${get(names, 'f32', a)})`)],
  [/^cvt\.rn\.f32\.f64$/, (_, [to, a], names) => set(names, to, `f32(${get(names, 'f64', a)})`)],
  [
    RegExp(`^cvt\\.rn\\.${float}\\.${integer}$`),
    ([, type, from], [to, a], names) => set(names, to, `${type}(${get(names, from, a)})`),
  ],
  [/^cvta\.to\.global\.(u64)$/, ofOneType(([a]) => a)],
  [/^mov\.pred$/, (_, [to, a], names) => `${names.register(to)} = ${names.predicate(a)};`],
  [
    RegExp(`^mov\\.${anyType}$`),
    ([, type], [to, from], names) => {
      if (to.startsWith('{')) {
        const [low, high] = elements(to).map((element) => names.register(element));
        return `split(${get(names, type, from)}, ${low}, ${high});`;
      }
      if (from.startsWith('{')) {
        const [low, high] = elements(from).map((element) => names.bits(element));
        return set(names, to, `join<${type}>(${low}, ${high})`);
      }
      return set(names, to, get(names, type, from));
    },
  ],
  [
    RegExp(`^ld\\.(param|global|shared)(?:\\.v([24]))?\\.${anyType}$`),
    ([, space, count = '1', type], [to, from], names) => {
      const sets = elements(to).map((element, i) => set(names, element, `values.of[${i}]`));
      const address = names.address(from, space);
      return `{ const auto values = load<${type}, ${count}>(${address}, ${names.site}); ${sets.join(' ')} }`;
    },
  ],
  [
    RegExp(`^st\\.(global|shared)(?:\\.v([24]))?\\.${anyType}$`),
    ([, space, count = '1', type], [to, from], names) => {
      const values = elements(from).map((element) => get(names, type, element));
      return `store<${type}, ${count}>(${names.address(to, space)}, {{${values.join(', ')}}}, ${names.site});`;
    },
  ],
  [
    /^shfl\.sync\.down\.b32$/,
    (_, [to, ...from], names) => {
      const [value, predicate] = to.split('|');
      const inRange = predicate ? names.register(predicate) : 'ignored';
      const [a, delta, clamp, mask] = from.map((operand) => get(names, 'u32', operand));
      return (
        `{ [[maybe_unused]] bool ignored; ` +
        `${names.register(value)} = shuffleDown(${a}, ${delta}, ${clamp}, ${mask}, ${inRange}, ${names.site}); }`
      );
    },
  ],
  [/^(?:membar\.gl|fence\.acq_rel\.gpu)$/, () => 'simt::threadFence();'],
  [
    /^atom\.global\.inc\.u32$/,
    (_, [to, address, limit], names) =>
      set(
        names,
        to,
        `atomicIncrement(${names.address(address, 'global')}, ${get(names, 'u32', limit)}, ${names.site})`,
      ),
  ],
  // Barrier 0, the one of __syncthreads, for all threads of the block.
  [
    /^bar\.sync$/,
    (_, [barrier, ...rest], names) =>
      barrier === '0' && rest.length === 0 ? `simt::syncThreads(${names.site});` : '',
  ],
  [/^bra(\.uni)?$/, (_, [label], names) => `goto ${names.label(label)};`],
  [/^ret$/, () => 'return;'],
];

// NOTE [contractible]
// An addition or multiplication of floats without a rounding may be made part of a fused
// multiply-add by whoever compiles the PTX next: ptxas here, or the driver of a GPU that comes
// later. nvcc writes `.rn` behind each one where -fmad=false holds, and behind none where not.
const contractible = RegExp(`^(add|sub|mul)\\.${float}$`);

/**
 * Whether what compiles this PTX next may fuse the instruction with another one.
 * @param {string} opcode
 */
export const isContractible = (opcode) => contractible.test(opcode);

/**
 * An instruction as a statement of C++, without its guard.
 * @param {import('./module.js').Instruction} instruction
 * @param {Names} names
 */
export function translateInstruction({ opcode, operands, line }, names) {
  for (const [pattern, translation] of translations) {
    const match = pattern.exec(opcode);
    const statement = match && translation(match, operands, names);
    if (statement) return statement;
  }
  throw new PtxError(
    `unknown instruction ${opcode} ${operands.join(', ')}; native/test/ptx/instructions.js knows ` +
      'those that were needed so far',
    line,
  );
}
