/**
 * The samples of README.md and docs/: their blocks of `js` and `ts`.
 *
 * A comment before a block, which no reader of the page sees, says what a sample lacks that is a part of a
 * program:
 *
 *     <!-- sample with:
 *     const labels = tf.zeros([64, 10]);
 *     -->
 *
 * or why it is compiled and does not run, with or without code that it lacks:
 *
 *     <!-- sample not run: mpirun starts it
 *     declare const model: tf.LayersModel;
 *     -->
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { packageRoot } from '../platform/folders.js';

export interface Sample {
  /** From the root of the repository, such as `docs/losses.md`. */
  readonly page: string;
  /** Of its first line in the page, from 1. */
  readonly line: number;
  readonly language: 'js' | 'ts';
  /** What comes before it; it may be empty. */
  readonly given: string;
  readonly code: string;
  /** Whether it can be run here. */
  readonly runs: boolean;
}

const block =
  /(?:<!-- sample (?<kind>with|not run):(?<comment>(?:(?!-->).)*)-->\n\n?)?^```(?<language>js|ts)\n(?<code>.*?)^```$/gms;

/** The samples of one page. */
export function samplesOf(page: string, markdown: string): Sample[] {
  const found = [...markdown.matchAll(block)].map(({ 0: all, index, groups }): Sample => {
    const { kind, comment = '', language, code } = groups as Record<string, string | undefined>;
    const [, ...given] = comment.split('\n');
    const before = markdown.slice(0, index + all.length - code!.length - '```'.length);
    return {
      page,
      line: before.split('\n').length,
      language: language as Sample['language'],
      given: given.join('\n'),
      code: code!,
      runs: language === 'js' && kind !== 'not run',
    };
  });
  const count = (pattern: RegExp) => [...markdown.matchAll(pattern)].length;
  if (count(/^```(?:js|ts|javascript|typescript|[cm][jt]s|[jt]sx)\b/gm) !== found.length) {
    throw new Error(`${page}: a block of code is marked by another word than js or ts.`);
  }
  const commented = found.filter(
    ({ given, runs, language }) => given !== '' || (language === 'js' && !runs),
  );
  if (count(/<!-- sample/g) !== commented.length) {
    throw new Error(
      `${page}: a comment "<!-- sample ..." has no block of code below it, or says nothing.`,
    );
  }
  return found;
}

/** Those of README.md and of all pages of docs/. */
export function readSamples(): Sample[] {
  const docs = readdirSync(join(packageRoot, 'docs')).filter((name) => name.endsWith('.md'));
  return ['README.md', ...docs.sort().map((name) => `docs/${name}`)].flatMap((page) =>
    samplesOf(page, readFileSync(join(packageRoot, page), 'utf8')),
  );
}

const common: ts.CompilerOptions = {
  module: ts.ModuleKind.NodeNext,
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2023.d.ts', 'lib.dom.d.ts'],
  types: ['node'],
  typeRoots: [join(packageRoot, 'node_modules', '@types')],
  noEmit: true,
  skipLibCheck: true,
};

/** `ts` as in a strict project, `js` with the types that it has without annotations. */
const options = {
  js: { ...common, strict: false },
  // The package's own modules are partly in JavaScript.
  ts: { ...common, strict: true, exactOptionalPropertyTypes: true, allowJs: true },
};

/** What the compiler finds wrong with the samples by the package's types, with page and line. */
export function problemsOf(samples: readonly Sample[]): string[] {
  return (['js', 'ts'] as const).flatMap((language) => {
    // Where `tfjs-alig` is this package, and `../lib` what it is made of.
    const files = new Map(
      samples
        .filter((sample) => sample.language === language)
        .map((sample, i) => [
          join(packageRoot, 'docs', `sample-${i}.ts`).replaceAll('\\', '/'),
          sample,
        ]),
    );
    const host = ts.createCompilerHost(options[language]);
    host.fileExists = (path) => files.has(path) || ts.sys.fileExists(path);
    host.readFile = (path) => {
      const sample = files.get(path);
      // Each is a module.
      return sample ? `${sample.given}${sample.code}\nexport {};\n` : ts.sys.readFile(path);
    };
    const program = ts.createProgram([...files.keys()], options[language], host);
    return ts.getPreEmitDiagnostics(program).map(({ file, start = 0, messageText }) => {
      const text = ts.flattenDiagnosticMessageText(messageText, ' ');
      const sample = files.get(file?.fileName ?? '');
      if (!file || !sample) return `${file?.fileName ?? 'the compiler'}: ${text}`;
      const { line } = file.getLineAndCharacterOfPosition(start);
      return `${sample.page}:${sample.line + line - (sample.given.split('\n').length - 1)}: ${text}`;
    });
  });
}

/**
 * What a sample says that it prints: `console.log(...); // 2: why`. Numbers, `true` and `false` count; words
 * are for the reader.
 */
export function promisedBy({ code }: Sample): string[] {
  const promises = code.matchAll(
    /^ *console\.log\(.*\); \/\/ (-?\d[\d.e+-]*|true|false)(?=[:,;.]? |[:,;.]?$)/gm,
  );
  return [...promises].map(([, value]) => value!);
}
