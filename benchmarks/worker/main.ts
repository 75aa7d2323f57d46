/** The process of a contender written in TypeScript: `main.js MODULE NAME`. */
import { createInterface } from 'node:readline';
// A contender may use tfjs-node and nothing else of the package.
import '../../lib/platform/util-functions.js';
import { writeArrays } from './float-files.js';
import type { Requests, Runner, WorkerModule } from './protocol.js';

type Answers = {
  [Name in keyof Requests]: (
    takes: Requests[Name]['takes'],
  ) => Requests[Name]['answers'] | Promise<Requests[Name]['answers']>;
};

const [moduleUrl, name] = process.argv.slice(2) as [string, string];
const module = (await import(moduleUrl)) as WorkerModule;
let runner: Runner | undefined;
const ready = (): Runner => {
  if (!runner) throw new Error('the contender has not been prepared');
  return runner;
};

const answers: Answers = {
  prepare: async ({ input }) => {
    runner = await module.prepare(name, input);
    return { versions: runner.versions?.() ?? {} };
  },
  turn: ({ steps, untimed }) => {
    if (untimed > 0) ready().turn(untimed);
    return { milliseconds: ready().turn(steps) };
  },
  write: ({ file }) => {
    writeArrays(file, ready().parameters?.() ?? []);
    return {};
  },
  details: () => ({ details: ready().details?.() ?? {} }),
  memory: () => ({
    residentBytes: process.memoryUsage.rss(),
    peakBytes: 1024 * process.resourceUsage().maxRSS,
    tensors: ready().tensors?.() ?? null,
  }),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { request, ...takes } = JSON.parse(line) as { request: keyof Requests };
  const answer = answers[request] as (takes: object) => unknown;
  process.stdout.write(`${JSON.stringify(await answer(takes))}\n`);
}
