import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { packageRoot } from '../../lib/platform/package.js';
import { readResults, standardFile } from '../results.js';
import type { StepResults } from '../step/run.js';
import { aimsSection } from './aims.js';
import { shareChart, timeChart } from './charts.js';
import { contendersSection } from './contenders.js';
import { growthSection } from './growth.js';
import { memorySection } from './memory.js';
import { scaleSection } from './scale.js';
import { stepSection } from './step.js';
import { trainingSection } from './training.js';

/** Replaces what stands between a section's two markers. */
export function withSection(document: string, name: string, text: string): string {
  const begin = `<!-- ${name}: begin -->`;
  const end = `<!-- ${name}: end -->`;
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

async function charts(results: StepResults): Promise<string> {
  return [
    chart('time', 'Time of one step over the number of parameters', await timeChart(results)),
    chart('share', "The floor's time as a part of the step's", await shareChart(results)),
  ].join('\n\n');
}

/** Makes docs/performance.md with its charts, and the page of all contenders, of what has been measured. */
export async function writePages(): Promise<void> {
  const step = readResults('step');
  const training = readResults('training');
  const memory = readResults('memory');
  const pages: Readonly<Record<string, Readonly<Record<string, string | null>>>> = {
    'performance.md': {
      charts: step && (await charts(step)),
      aims: step && aimsSection(step),
      step: step && stepSection(step),
      growth: step && growthSection(step),
      training: training && trainingSection(training),
      memory: memory && memorySection(memory),
      scale: scaleSection(),
    },
    'performance-contenders.md': { contenders: step && contendersSection(step) },
  };
  for (const [name, sections] of Object.entries(pages)) {
    const page = join(packageRoot, 'docs', name);
    let text = readFileSync(page, 'utf8');
    for (const [section, made] of Object.entries(sections)) {
      text = withSection(text, section, made ?? 'Not measured yet.');
    }
    const options = await resolveConfig(page);
    writeFileSync(page, await format(text, { parser: 'markdown', ...options }));
  }
}
