/** The guides of the site: the pages that README.md lists, in its groups and in its order. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageRoot } from '../lib/platform/package.js';

/** A page of docs/ or beside it. */
export interface Guide {
  /** From the root of the repository, such as `docs/losses.md`. */
  readonly path: string;
  /** The heading of README.md that it stands under. */
  readonly group: string;
}

/** The first heading of a page. */
export function titleOf(markdown: string): string {
  const [, title] = /^# (.+)$/m.exec(markdown) ?? [];
  if (title === undefined) throw new Error(`A guide has no heading: ${markdown.slice(0, 80)}`);
  return title;
}

/** Each list of links in README.md with the heading above it; a page in two lists is in the first. */
export function guidesOf(readme: string): Guide[] {
  const found = new Map<string, Guide>();
  let group = '';
  for (const line of readme.split('\n')) {
    group = /^##+ (.+)$/.exec(line)?.[1] ?? group;
    if (!/^(?:- | {2})/.test(line)) continue;
    for (const [, path] of line.matchAll(/\]\(([\w./-]+\.md)\)/g)) {
      if (!found.has(path!)) found.set(path!, { path: path!, group });
    }
  }
  return [...found.values()];
}

export async function readGuides(): Promise<Guide[]> {
  return guidesOf(await readFile(join(packageRoot, 'README.md'), 'utf8'));
}
