// Reads the PTX of one module: its kernels with their parameters, registers and instructions, and
// its shared memory. What it does not know is an error with the line: a check that skipped what it
// did not understand would pass for no reason.

/**
 * @typedef {object} Instruction
 * @property {number} line
 * @property {string} opcode with its modifiers and types
 * @property {string[]} operands
 * @property {string} [guard] the predicate under which it runs, `!%p1` where it must be false
 */

/**
 * @typedef {object} Kernel
 * @property {string} name
 * @property {{ name: string, bytes: number }[]} parameters
 * @property {number} mostThreads
 * @property {Map<string, number>} registers bits of the registers whose names begin so; predicates: 1
 * @property {(Instruction | { label: string })[]} statements
 */

/**
 * @typedef {object} Module
 * @property {string} target
 * @property {Kernel[]} kernels
 * @property {Map<string, number>} shared where each shared variable begins
 * @property {number} sharedBytes
 */

/** PTX that can't be read or translated; the message names the line. */
export class PtxError extends Error {
  /**
   * @param {string} problem
   * @param {number} line
   */
  constructor(problem, line) {
    super(`line ${line}: ${problem}`);
  }
}

const bitsOfType = (/** @type {string} */ type) => Number(/\d+$/.exec(type)?.[0] ?? 1);

/**
 * Splits at the commas outside of braces and brackets.
 * @param {string} text
 */
function splitOperands(text) {
  const operands = text.match(/(?:\{[^}]*\}|\[[^\]]*\]|[^,])+/g) ?? [];
  return operands.map((operand) => operand.trim());
}

/** The text of a module with a place in it. */
class Reader {
  #text;
  #at = 0;
  line = 1;

  /** @param {string} text */
  constructor(text) {
    // Comments become blanks, so that lines keep their numbers.
    this.#text = text.replace(/\/\/.*/g, '');
  }

  /** Whether nothing is left but white space, which it skips. */
  atEnd() {
    this.take(/\s*/y);
    return this.#at === this.#text.length;
  }

  /**
   * The groups of a sticky pattern that matches here, behind which it goes on; else null.
   * @param {RegExp} pattern
   */
  take(pattern) {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match !== null) {
      this.#at = pattern.lastIndex;
      this.line += match[0].split('\n').length - 1;
    }
    return match;
  }

  /** @returns {never} */
  refuse() {
    const rest = this.#text.slice(this.#at).trimStart();
    throw new PtxError(`not understood: ${rest.slice(0, 100).split('\n')[0]}`, this.line);
  }
}

/**
 * @param {string} text between the parentheses of an .entry
 * @param {number} line
 */
function parseParameters(text, line) {
  return splitOperands(text).map((parameter) => {
    const match =
      /^\.param (?:\.align \d+ )?\.(\w+) (?:\.ptr (?:\.\w+ )?\.align \d+ )?([\w$]+)(?:\[(\d+)\])?$/.exec(
        parameter.replace(/\s+/g, ' '),
      );
    if (match === null) throw new PtxError(`not understood: ${parameter}`, line);
    const [, type, name, count = '1'] = match;
    return { name, bytes: (bitsOfType(type) / 8) * Number(count) };
  });
}

/**
 * @param {string} text an instruction without its semicolon
 * @param {number} line
 * @returns {Instruction}
 */
function parseInstruction(text, line) {
  const match = /^(?:@(!?%\w+)\s+)?([a-z][\w.:]*)(?:\s+(.*))?$/s.exec(text);
  if (match === null) throw new PtxError(`not understood: ${text}`, line);
  const [, guard, opcode, operands = ''] = match;
  return { line, opcode, operands: splitOperands(operands), ...(guard && { guard }) };
}

/**
 * The body of a kernel, up to its closing brace.
 * @param {Reader} reader
 * @returns {Pick<Kernel, 'registers' | 'statements'>}
 */
function parseBody(reader) {
  const registers = new Map();
  const statements = [];
  for (;;) {
    reader.take(/\s*/y);
    if (reader.take(/\}/y)) return { registers, statements };
    // Hints for ptxas alone.
    if (reader.take(/\.pragma "(?:nounroll|used_bytes_mask \w+)";/y)) continue;
    const declared = reader.take(/\.reg\s+\.(\w+)\s+%([a-z]+)<\d+>;/y);
    if (declared) {
      registers.set(declared[2], declared[1] === 'pred' ? 1 : bitsOfType(declared[1]));
      continue;
    }
    const label = reader.take(/(\$\w+):/y);
    if (label) {
      statements.push({ label: label[1] });
      continue;
    }
    const { line } = reader;
    const instruction = reader.take(/([@a-z][^;]*);/y);
    if (instruction === null) reader.refuse();
    statements.push(parseInstruction(instruction[1].trim(), line));
  }
}

/**
 * @param {string} text
 * @returns {Module}
 */
export function parseModule(text) {
  const reader = new Reader(text);
  const kernels = [];
  const shared = new Map();
  let sharedBytes = 0;
  let target = '';
  while (!reader.atEnd()) {
    if (reader.take(/\.version [\d.]+|\.address_size 64/y)) continue;
    const targetOf = reader.take(/\.target (\w+)/y);
    if (targetOf) {
      target = targetOf[1];
      continue;
    }
    const variable = reader.take(/\.shared \.align (\d+) \.(\w+) ([\w$]+)(?:\[(\d+)\])?;/y);
    if (variable) {
      const alignment = Number(variable[1]);
      const begin = Math.ceil(sharedBytes / alignment) * alignment;
      const [, , type, name, count = '1'] = variable;
      shared.set(name, begin);
      sharedBytes = begin + (bitsOfType(type) / 8) * Number(count);
      continue;
    }
    const { line } = reader;
    const entry = reader.take(
      /(?:\.(?:visible|weak) )?\.entry (\w+)\s*\(([^)]*)\)\s*\.maxntid (\d+)(?:, 1, 1)?(?:\s*\.minnctapersm \d+)?\s*\{/y,
    );
    if (entry === null) reader.refuse();
    const [, name, parameters, mostThreads] = entry;
    kernels.push({
      name,
      parameters: parseParameters(parameters, line),
      mostThreads: Number(mostThreads),
      ...parseBody(reader),
    });
  }
  return { target, kernels, shared, sharedBytes };
}
