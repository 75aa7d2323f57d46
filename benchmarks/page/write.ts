import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { packageRoot } from '../../lib/platform/package.js';
import { readResults, standardFile, type ResultName } from '../results.js';
import { aimsSection } from './aims.js';
import { shareChart, timeChart } from './charts.js';
import { contendersSection } from './contenders.js';
import { growthSection } from './growth.js';
import { memorySection } from './memory.js';
import { scaleSection } from './scale.js';
import { stepSection } from './step.js';
import { trainingSection } from './training.js';

const pages = ['performance.md', 'performance-contenders.md'];

/** Where a section begins and ends. */
function markers(name: string): readonly [string, string] {
  return [`<!-- ${name}: begin -->`, `<!-- ${name}: end -->`];
}

/** Replaces what stands between a section's two markers. */
export function withSection(document: string, name: string, text: string): string {
  const [begin, end] = markers(name);
  const from = document.indexOf(begin);
  const to = document.indexOf(end);
  if (from < 0 || to < from) throw new Error(`the document lacks '${begin}' or '${end}' after it`);
  return `${document.slice(0, from)}${begin}\n\n${text}\n\n${document.slice(to)}`;
}

/** Where a chart lies, and how the page shows it. */
function chart(name: string, alternative: string, svg: string): string {
  writeFileSync(standardFile('step').replace('step.json', `${name}.svg`), svg);
  return `![${alternative}](../benchmarks/results/${name}.svg)`;
}

async function charts(): Promise<string | null> {
  const results = readResults('step');
  if (!results) return null;
  return [
    chart('time', 'Time of one step over the number of parameters', await timeChart(results)),
    chart('share', "The floor's time as a part of the step's", await shareChart(results)),
  ].join('\n\n');
}

/** The section of a measurement; null: it was not measured. */
function section<Name extends ResultName>(
  name: Name,
  make: (results: NonNullable<ReturnType<typeof readResults<Name>>>) => string,
): string | null {
  const results = readResults(name);
  return results ? make(results) : null;
}

/** Makes docs/performance.md with its charts, and the page of all contenders, of what has been measured. */
export async function writePages(): Promise<void> {
  const sections = {
    charts: await charts(),
    aims: section('step', aimsSection),
    step: section('step', stepSection),
    growth: section('step', growthSection),
    training: section('training', trainingSection),
    memory: section('memory', memorySection),
    scale: scaleSection(),
    contenders: section('step', contendersSection),
  };
  for (const name of pages) {
    const page = join(packageRoot, 'docs', name);
    let text = readFileSync(page, 'utf8');
    for (const [name, made] of Object.entries(sections)) {
      if (text.includes(markers(name)[0]))
        text = withSection(text, name, made ?? 'Not measured yet.');
    }
    const options = await resolveConfig(page);
    writeFileSync(page, await format(text, { parser: 'markdown', ...options }));
  }
}
