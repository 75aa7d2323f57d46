/** `npm run soak`: the parts of test/fuzz/soak.ts, and a table of what they held. */
import '@tensorflow/tfjs-node';
import { Command } from 'commander';
import { bytes, grouped, table } from '../../benchmarks/page/markdown.js';
import { wholeNumber } from '../../cli/option-values.js';
import { soak, standardCounts, type SoakCounts } from './soak.js';

const atLeastOne = wholeNumber({ atLeast: 1 });
const counts = new Command('npm run soak --')
  .description('Prints what the process holds after many steps, optimisers and sizes.')
  .option('--small-steps <count>', 'of a small model', atLeastOne, standardCounts.smallSteps)
  .option('--large-steps <count>', 'over 4 million', atLeastOne, standardCounts.largeSteps)
  .option('--optimizers <count>', 'made, saved, loaded', atLeastOne, standardCounts.optimizers)
  .option('--sizes <count>', 'of variables, random', atLeastOne, standardCounts.sizes)
  .parse()
  .opts<SoakCounts>();

const titles: Readonly<Record<keyof SoakCounts, string>> = {
  smallSteps: 'steps of a small model',
  largeSteps: 'steps over 4 million parameters',
  optimizers: 'optimisers',
  sizes: 'random sizes',
};

const rows: string[][] = [];
for await (const { part, done, ...held } of soak(counts)) {
  console.error(`${titles[part]}: ${grouped(done)}, ${bytes(held.residentBytes)}`);
  rows.push([
    titles[part],
    grouped(done),
    bytes(held.residentBytes),
    bytes(held.heapBytes),
    grouped(held.tensors),
    bytes(held.tensorBytes),
  ]);
}
console.log(table(['', '>done', '>resident', '>heap', '>tensors', '>of tensors'], rows));
