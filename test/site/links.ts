/** The links of a folder of HTML files, and which of them lead nowhere. */
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, normalize, relative, sep } from 'node:path';
import { Parser } from 'htmlparser2';

/** What a page links to, loads, and can be led to. */
interface Page {
  readonly links: readonly string[];
  /** What a browser fetches with the page. */
  readonly loads: readonly string[];
  readonly anchors: ReadonlySet<string>;
}

function readPage(html: string): Page {
  const links: string[] = [];
  const loads: string[] = [];
  const anchors = new Set<string>();
  const parser = new Parser({
    onopentag(name, { href, src, id }) {
      if (id !== undefined) anchors.add(id);
      if (name === 'a' && href !== undefined) links.push(href);
      if (name === 'link' && href !== undefined) loads.push(href);
      if (src !== undefined) loads.push(src);
    },
  });
  parser.end(html);
  return { links, loads, anchors };
}

const external = /^(?:https?:|mailto:|data:)/;

/** Everything that is wrong with the links of a site, each with the page that it is on. */
export async function brokenLinks(site: string): Promise<{ broken: string[]; links: number }> {
  const entries = await readdir(site, { recursive: true, withFileTypes: true });
  const files = new Set(
    entries
      .filter((entry) => entry.isFile())
      .map((entry) => relative(site, join(entry.parentPath, entry.name)).replaceAll(sep, '/')),
  );
  const pages = new Map<string, Page>();
  for (const file of files) {
    if (file.endsWith('.html')) pages.set(file, readPage(await readFile(join(site, file), 'utf8')));
  }
  const broken: string[] = [];
  let links = 0;
  for (const [file, page] of pages) {
    for (const url of page.loads) {
      if (/^https?:/.test(url)) broken.push(`${file}: loads ${url}`);
    }
    for (const url of [...page.links, ...page.loads]) {
      if (external.test(url)) continue;
      links += 1;
      const [path = '', anchor = ''] = url.split('#').map(decodeURIComponent);
      const [target = ''] = path.split('?');
      const linked =
        target === '' ? file : normalize(join(dirname(file), target)).replaceAll(sep, '/');
      if (!files.has(linked)) broken.push(`${file}: there is no ${url}`);
      else if (anchor !== '' && pages.get(linked)?.anchors.has(anchor) === false) {
        broken.push(`${file}: there is no anchor ${url}`);
      }
    }
  }
  return { broken, links };
}

/** The links of a Markdown page that are neither an address nor an anchor of the page itself. */
export function relativeLinks(markdown: string): string[] {
  const prose = markdown.replaceAll(/^```.*?^```/gms, '');
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, url]) => url!)
    .filter((url) => !external.test(url) && !url.startsWith('#'))
    .map((url) => url.split('#')[0]!);
}
