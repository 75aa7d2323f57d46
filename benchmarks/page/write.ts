import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { packageRoot } from '../../lib/platform/package.js';
import { writeAtomically } from '../../lib/platform/write-atomically.js';
import { readResults } from '../results.js';
import { aimsSection } from './aims.js';
import { shareChart, timeChart } from './charts.js';
import { contendersSection } from './contenders.js';
import { growthSection } from './growth.js';
import { hostSection } from './host.js';
import { memorySection } from './memory.js';
import { scaleSection } from './scale.js';
import { mpiSection } from './mpi.js';
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

/** Where the page of all contenders lies, from the package's folder. */
const contendersPage = 'benchmarks/results/contenders.md';
/** Where charts lie: in the package as well, as the page that shows them does. */
const imageFolder = 'docs/images';

/** How a page of docs/ shows a chart. */
function chart(name: string, alternative: string): string {
  return `![${alternative}](images/${name}.svg)`;
}

/**
 * docs/performance.md with its charts, and the page of all contenders, of what has been measured.
 *
 * @returns The text of each file by its path from the package's folder.
 */
export async function makePages(): Promise<Readonly<Record<string, string>>> {
  const step = readResults('step');
  const training = readResults('training');
  const memory = readResults('memory');
  const host = readResults('host');
  const mpi = readResults('mpi');
  const pages: Readonly<Record<string, Readonly<Record<string, string | null>>>> = {
    'docs/performance.md': {
      charts:
        step &&
        [
          chart('time', 'Time of one step over the number of parameters'),
          chart('share', "The floor's time as a part of the step's"),
        ].join('\n\n'),
      aims: step && aimsSection(step),
      step: step && stepSection(step),
      growth: step && growthSection(step),
      training: training && trainingSection(training),
      memory: memory && memorySection(memory),
      host: host && hostSection(host),
      mpi: mpi && mpiSection(mpi),
      scale: scaleSection(mpi),
    },
    [contendersPage]: { contenders: step && contendersSection(step) },
  };
  const files: Record<string, string> = {};
  if (step) {
    files[`${imageFolder}/time.svg`] = await timeChart(step);
    files[`${imageFolder}/share.svg`] = await shareChart(step);
  }
  for (const [name, sections] of Object.entries(pages)) {
    const page = join(packageRoot, name);
    let text = readFileSync(page, 'utf8');
    for (const [section, made] of Object.entries(sections)) {
      text = withSection(text, section, made ?? 'Not measured yet.');
    }
    const options = await resolveConfig(page);
    files[name] = await format(text, { parser: 'markdown', ...options });
  }
  return files;
}

/** Writes the files of `makePages`. */
export async function writePages(): Promise<void> {
  for (const [name, text] of Object.entries(await makePages())) {
    writeAtomically(join(packageRoot, name), text);
  }
}
