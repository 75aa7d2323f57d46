/**
 * The reference from the docstrings and the guides, by TypeDoc. What differs from its defaults is done
 * here: guides have their headings as titles and stand in README.md's groups and order, and the
 * constructor of an optimiser takes its options by their name.
 */
import { join } from 'node:path';
import {
  Application,
  Converter,
  JSX,
  LogLevel,
  makeRecursiveVisitor,
  ReferenceType,
  ReflectionFlag,
  ReflectionKind,
  type DeclarationReflection,
  type DocumentReflection,
  type ProjectReflection,
} from 'typedoc';
import { packageRoot } from '../lib/platform/package.js';
import { readGuides, titleOf, type Guide } from './guides.js';

/** Gives a document its heading as its title, and the group of its guide. */
function nameDocument(document: DocumentReflection, guides: readonly Guide[]): void {
  const guide = guides.find(({ path }) => path === `${document.name}.md`);
  if (!guide) throw new Error(`README.md has no link to the guide ${document.name}.`);
  const [first] = document.content;
  if (!first) throw new Error(`The guide ${document.name} is empty.`);
  document.name = titleOf(first.text);
  document.frontmatter['group'] = guide.group;
}

function declarations(project: ProjectReflection, kind: ReflectionKind): DeclarationReflection[] {
  return project.getReflectionsByKind(kind) as DeclarationReflection[];
}

function memberOf(
  { children = [] }: DeclarationReflection,
  name: string,
): DeclarationReflection | undefined {
  return children.find((each) => each.name === name);
}

/** The optimisers' classes: those with a description. */
function optimizersOf(project: ProjectReflection): DeclarationReflection[] {
  return declarations(project, ReflectionKind.Class).filter((each) =>
    memberOf(each, 'description'),
  );
}

/**
 * The types of an optimiser's options are computed from its description: right for a compiler, long for
 * a reader. They have a page, to which the constructor leads, and what they are computed from is left out.
 */
function nameOptions(project: ProjectReflection): void {
  const types = declarations(project, ReflectionKind.Interface);
  const fileOf = (each: DeclarationReflection) => project.getSymbolIdFromReflection(each)?.fileName;
  const typeOf = (target: DeclarationReflection) =>
    ReferenceType.createResolvedReference(target.name, target, project);
  const descriptionType = types.find(({ name }) => name === 'Description')!;
  for (const optimizer of optimizersOf(project)) {
    const options =
      types.find(({ name }) => name === `${optimizer.name}Options`) ??
      types.find((type) => type.name.endsWith('Options') && fileOf(type) === fileOf(optimizer));
    if (!options) throw new Error(`There is no type of the options of ${optimizer.name}.`);
    const [signature] = memberOf(optimizer, 'constructor')?.signatures ?? [];
    const [parameter] = signature?.parameters ?? [];
    if (!parameter) throw new Error(`The constructor of ${optimizer.name} takes no options.`);
    parameter.name = 'options';
    parameter.setFlag(ReflectionFlag.Rest, false);
    parameter.type = typeOf(options);
    memberOf(optimizer, 'description')!.type = typeOf(descriptionType);
    memberOf(options, 'groups')!.type!.visit(
      makeRecursiveVisitor({
        reference(type) {
          if (type.name === 'ParameterGroup') delete type.typeArguments;
        },
      }),
    );
    delete optimizer.extendedTypes;
  }
}

/** Leaves out where an optimiser's members are from: a class that is made and has no name. */
function forgetOrigins(project: ProjectReflection): void {
  for (const optimizer of optimizersOf(project)) {
    for (const member of optimizer.children ?? []) {
      const { signatures = [], getSignature, setSignature } = member;
      for (const each of [member, ...signatures, getSignature, setSignature]) {
        if (!each) continue;
        delete each.inheritedFrom;
        delete each.overwrites;
      }
    }
  }
}

/** Puts the guides of each group into README.md's order. */
function orderGuides(project: ProjectReflection, titles: readonly string[]): void {
  const place = ({ name }: { readonly name: string }) => titles.indexOf(name);
  for (const { children } of project.groups ?? []) {
    if (children.every((child) => child.isDocument())) {
      children.sort((one, other) => place(one) - place(other));
    }
  }
}

/** In which order a page has what it describes; TypeDoc's own order ends where another is given. */
const kinds = [
  ...['Modules', 'Classes', 'Functions', 'Variables', 'Interfaces', 'Type Aliases'],
  ...['Constructors', 'Properties', 'Accessors', 'Methods'],
];

/**
 * Makes the reference and the guides.
 *
 * @param folder Is emptied first.
 * @param links Pages that are on the site beside them, by the words that lead to them.
 * @throws Error Where TypeDoc has a warning, such as a link that leads nowhere.
 */
export async function makeReference(
  folder: string,
  links: Readonly<Record<string, string>>,
): Promise<void> {
  const guides = await readGuides();
  const groups = [...new Set(guides.map(({ group }) => group))];
  const app = await Application.bootstrap({
    name: 'tfjs-alig',
    entryPoints: [join(packageRoot, 'lib/index.ts')],
    tsconfig: join(packageRoot, 'site/tsconfig.json'),
    readme: join(packageRoot, 'README.md'),
    projectDocuments: guides.map(({ path }) => join(packageRoot, path)),
    basePath: packageRoot,
    groupOrder: [...groups, ...kinds, '*'],
    navigation: { includeGroups: true },
    headings: { readme: false },
    searchInDocuments: true,
    searchInComments: true,
    customCss: join(packageRoot, 'site/reference.css'),
    hideGenerator: true,
    disableSources: true,
    includeHierarchySummary: false,
    excludeExternals: true,
    excludePrivate: true,
    excludeProtected: true,
    highlightLanguages: ['javascript', 'typescript', 'json', 'bash', 'shell', 'cpp', 'yaml'],
    validation: { invalidLink: true, invalidPath: true, notExported: false },
    logLevel: LogLevel.Warn,
  });
  const titles: string[] = [];
  app.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_, document) => {
    nameDocument(document, guides);
    titles.push(document.name);
  });
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    nameOptions(project);
  });
  // After TypeDoc's own, which make what is ordered and left out here.
  app.converter.on(
    Converter.EVENT_RESOLVE_END,
    ({ project }) => {
      forgetOrigins(project);
      orderGuides(project, titles);
    },
    -1000,
  );
  app.renderer.hooks.on('sidebar.begin', (context) =>
    JSX.createElement(
      'nav',
      { class: 'tsd-navigation site-pages' },
      ...Object.entries(links).map(([words, url]) =>
        JSX.createElement('a', { href: context.relativeURL(url) }, words),
      ),
    ),
  );
  const project = await app.convert();
  if (!project) throw new Error('TypeDoc could not read the package; see above.');
  app.validate(project);
  await app.generateDocs(project, folder);
  if (app.logger.warningCount + app.logger.errorCount > 0) {
    throw new Error('TypeDoc has warnings; see above.');
  }
}
