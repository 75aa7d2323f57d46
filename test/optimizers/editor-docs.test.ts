/** What an editor shows of each option where an optimiser is made: from the packed declarations. */
import test from 'ava';
import ts from 'typescript';
import { fileURLToPath } from 'node:url';
import { commonOptions } from '../../lib/optimizers/common-options.js';
import { optimizers, type AnyOption, type Description } from '../../lib/index.js';

const declarations = fileURLToPath(new URL('../../lib/index.d.ts', import.meta.url));
const program = ts.createProgram([declarations], {
  module: ts.ModuleKind.NodeNext,
  target: ts.ScriptTarget.ES2022,
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: true,
});
const checker = program.getTypeChecker();
const index = checker.getSymbolAtLocation(program.getSourceFile(declarations)!)!;
const exported = new Map(
  checker.getExportsOfModule(index).map((symbol) => [symbol.name, symbol] as const),
);

/** The options that a class's constructor takes. */
function constructorOptions(className: string): ts.Type {
  const symbol = checker.getAliasedSymbol(exported.get(className)!);
  const [signature] = checker.getTypeOfSymbol(symbol).getConstructSignatures();
  const [parameter] = signature!.getParameters();
  // Its parameters are one list, whose length depends on whether an option has no default.
  const [options] = checker.getTypeArguments(
    checker.getTypeOfSymbol(parameter!) as ts.TypeReference,
  );
  return checker.getNonNullableType(options!);
}

function documentation(symbol: ts.Symbol): string {
  return ts
    .displayPartsToString(symbol.getDocumentationComment(checker))
    .replace(/\s+/g, ' ')
    .trim();
}

/** What is wrong with the text of an option. */
function problems(text: string, { default: standard, required, symbol }: AnyOption): string[] {
  if (text === '') return ['has no text'];
  const said = /Default: (.+?)(?:[.,](?= |$)|$)/.exec(text)?.[1];
  const shown = typeof standard === 'string' ? `'${standard}'` : String(standard);
  const isRight =
    typeof standard === 'number' ? Number(said) === standard : required || said === shown;
  return [
    ...(isRight ? [] : [`says that the default is ${said}, it is ${shown}`]),
    ...(required && said !== undefined ? ['names a default, but has none'] : []),
    ...(symbol === null || text.includes(symbol) ? [] : [`does not name the symbol ${symbol}`]),
  ];
}

for (const { description } of Object.values(optimizers)) {
  const { className, options } = description as unknown as Description;
  test(`${className}: an editor shows what each option is`, (t) => {
    const type = constructorOptions(className);
    for (const [name, option] of Object.entries<AnyOption>({ ...options, ...commonOptions })) {
      const property = type.getProperty(name);
      t.truthy(property, name);
      t.is(Boolean(property!.flags & ts.SymbolFlags.Optional), !option.required, name);
      t.deepEqual(problems(documentation(property!), option), [], name);
    }
    for (const name of ['constraint', 'groups']) {
      t.not(documentation(type.getProperty(name)!), '', name);
    }
  });
}

test('an accessor of what may change between steps has the same text', (t) => {
  const symbol = checker.getAliasedSymbol(exported.get('AliG')!);
  const [signature] = checker.getTypeOfSymbol(symbol).getConstructSignatures();
  const property = signature!.getReturnType().getProperty('maxLearningRate');
  t.regex(documentation(property!), /^Maximal learning rate \(eta in the paper\)/);
});
