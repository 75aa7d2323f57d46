/** `npm run bench`: the time of one step, ours beside what TensorFlow.js offers; docs/benchmarks.md. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ready, setBackend } from '@tensorflow/tfjs-core';
import { Command, InvalidArgumentError } from 'commander';
import { format, resolveConfig } from 'prettier';
import { wholeNumber } from '../lib/cli/option-values.js';
import { setThreadCount } from '../lib/index.js';
import { loadBandwidth } from './bandwidth.js';
import { bandwidthContenders, stepContenders } from './contenders.js';
import { describeMachine, requireAddon } from './machine.js';
import { measure } from './measure.js';
import { markdown, summarise, withTable, type Comparison } from './results.js';
import { makeWorkload, parseShapes, quickShapes, standardShapes, type Shape } from './workload.js';

interface Options {
  readonly repetitions?: number;
  readonly shapes?: Shape[];
  readonly threads?: number;
  readonly json?: string;
  readonly quick: boolean;
  readonly writeDocs: boolean;
}

const fromRoot = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** Below this many parameters a step takes about a millisecond, so that ten times as many are made. */
const smallElements = 500_000;

function shapesOf(text: string): Shape[] {
  try {
    return parseShapes(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

function readOptions(): Options {
  return new Command('npm run bench --')
    .description('Measures one ALI-G step on each engine beside what TensorFlow.js offers.')
    .option(
      '--repetitions <count>',
      'rounds; ten times as many where a step is short (default: 21)',
      wholeNumber({ atLeast: 1 }),
    )
    .option('--shapes <list>', 'such as 160x1000,1x25600000: tensors x elements', shapesOf)
    .option(
      '--threads <count>',
      "of our steps and the floor (default: the package's)",
      wholeNumber({ atLeast: 1 }),
    )
    .option('--json <file>', 'where the results go (default: benchmarks/results/step.json)')
    .option('--quick', 'small shapes, few rounds: shows that it works, not how fast', false)
    .option('--write-docs', 'put the table into docs/benchmarks.md', false)
    .parse()
    .opts<Options>();
}

/** How often each contender is timed. */
interface Rounds {
  readonly small: number;
  readonly large: number;
}

async function compare(shape: Shape, ballActive: boolean, rounds: Rounds): Promise<Comparison> {
  const workload = makeWorkload(shape, ballActive);
  const { elements } = workload;
  const bytesPerElement = ballActive ? 32 : 24;
  const small = elements < smallElements;
  const memory = bandwidthContenders(loadBandwidth(), requireAddon().threadsOf(elements));
  const contenders = [
    ...stepContenders.filter(({ mostElements }) => elements <= mostElements),
    ...memory.map(({ contender }) => contender),
  ];
  const times = await measure(contenders, workload, small ? rounds.small : rounds.large);
  const bytesOf = new Map(memory.map(({ contender, bytes }) => [contender.name, bytes]));
  const results = contenders.map((contender) =>
    summarise(contender, elements * (bytesOf.get(contender.name) ?? bytesPerElement), times),
  );
  return { shape, ballActive, elements, bytesPerElement, results };
}

async function main(): Promise<void> {
  const options = readOptions();
  await import('@tensorflow/tfjs-node');
  await setBackend('tensorflow');
  await ready();
  requireAddon();
  if (options.threads !== undefined) setThreadCount(options.threads);

  const machine = describeMachine();
  const large = options.repetitions ?? (options.quick ? 3 : 21);
  const rounds = { small: options.quick ? large : 10 * large, large };
  const comparisons: Comparison[] = [];
  for (const shape of options.shapes ?? (options.quick ? quickShapes : standardShapes)) {
    for (const ballActive of [false, true]) {
      console.error(`${shape.name}, ball ${ballActive ? 'active' : 'inactive'} ...`);
      comparisons.push(await compare(shape, ballActive, rounds));
    }
  }

  const results = { machine, comparisons };
  const json = options.json ?? fromRoot('benchmarks/results/step.json');
  mkdirSync(dirname(json), { recursive: true });
  writeFileSync(json, `${JSON.stringify(results, null, 2)}\n`);
  const table = markdown(results);
  console.log(table);
  if (options.writeDocs) {
    const docs = fromRoot('docs/benchmarks.md');
    const text = withTable(readFileSync(docs, 'utf8'), table);
    writeFileSync(docs, await format(text, { parser: 'markdown', ...(await resolveConfig(docs)) }));
  }
}

await main();
