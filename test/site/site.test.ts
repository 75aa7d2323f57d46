/** The site that `npm run docs` makes, and the links of the pages that the package brings along. */
import test from 'ava';
import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, normalize, sep } from 'node:path';
import { promisify } from 'node:util';
import { optimizers } from '../../lib/index.js';
import { titleOf, readGuides } from '../../site/guides.js';
import { makeSite } from '../../site/make.js';
import { packageRoot, temporaryFolder } from '../platform/folders.js';
import { brokenLinks, relativeLinks } from './links.js';

test('every link and anchor of the site leads somewhere, and no page loads from elsewhere', async (t) => {
  t.timeout(600_000, 'TypeDoc reads the whole package');
  const site = temporaryFolder(t);
  await makeSite(site);
  const { broken, links } = await brokenLinks(site);
  t.deepEqual(broken, []);
  t.true(links > 5000, `${links} links`);

  for (const { path } of await readGuides()) {
    const title = titleOf(await readFile(join(packageRoot, path), 'utf8'));
    const page = join(site, 'documents', `${title.replaceAll(/\W/g, '_')}.html`);
    t.true((await readFile(page, 'utf8')).includes(`<title>${title} | tfjs-alig</title>`), title);
  }
  for (const { description } of Object.values(optimizers)) {
    const name = description.className;
    const page = await readFile(join(site, `classes/tfjs-alig.${name}.html`), 'utf8');
    t.regex(page, /href="\.\.\/interfaces\/tfjs-alig\.\w+Options\.html"/, name);
    // What a type is computed from would fill pages.
    t.notRegex(page, /TraitsOf|optimizerOf/, name);
  }
});

test('a link that leads nowhere is found', async (t) => {
  const site = temporaryFolder(t);
  await mkdir(join(site, 'a'));
  const link = (url: string) => `<a href="${url}">there</a>`;
  await writeFile(
    join(site, 'a/one.html'),
    `<p id="here">${link('../two.html#there')}${link('#no')}`,
  );
  await writeFile(
    join(site, 'two.html'),
    `<script src="https://example.org/a.js"></script><i id="there"></i>${link('a/one.html#here')}${link('three.html')}`,
  );
  t.deepEqual((await brokenLinks(site)).broken.sort(), [
    'a/one.html: there is no anchor #no',
    'two.html: loads https://example.org/a.js',
    'two.html: there is no three.html',
  ]);
});

test('no page of the package links a file that the package leaves out', async (t) => {
  const { stdout } = await promisify(execFile)(
    'npm',
    ['pack', '--dry-run', '--json', '--ignore-scripts'],
    { cwd: packageRoot, maxBuffer: 2 ** 26, shell: process.platform === 'win32' },
  );
  const [{ files }] = JSON.parse(stdout) as [{ files: { path: string }[] }];
  const packed = new Set(files.map(({ path }) => path));
  const pages = [...packed].filter((path) => path.endsWith('.md'));
  t.true(pages.includes('README.md') && pages.includes('docs/optimisers.md'));
  const dead: string[] = [];
  for (const page of pages) {
    for (const url of relativeLinks(await readFile(join(packageRoot, page), 'utf8'))) {
      const target = normalize(join(dirname(page), url)).replaceAll(sep, '/');
      if (!packed.has(target)) dead.push(`${page}: ${url}`);
    }
  }
  t.deepEqual(dead, []);
});

test('README.md lists every guide', async (t) => {
  const pagesOf = async (folder: string) =>
    (await readdir(join(packageRoot, folder)))
      .filter((name) => name.endsWith('.md'))
      .map((name) => `${folder}${name}`);
  const pages = [...(await pagesOf('')), ...(await pagesOf('docs/'))];
  const listed = (await readGuides()).map(({ path }) => path);
  t.deepEqual([...listed, 'README.md'].sort(), pages.sort());
});
