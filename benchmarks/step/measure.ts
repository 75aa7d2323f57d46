import { rmSync } from 'node:fs';
import { freemem } from 'node:os';
import { join } from 'node:path';
import {
  contenders as allContenders,
  memoryBytesPerElement,
  floorCommand,
  memoryCommand,
  type Contender,
} from '../contenders/list.js';
import { floorPart, memoryPasses, stepBytes } from '../contenders/memory.js';
import { ratios, summarise, type Summary } from '../statistics.js';
import { readArrays } from '../worker/float-files.js';
import { ContenderProcess, threadVariables } from '../worker/process.js';
import type { Details, Versions } from '../worker/protocol.js';
import { takeTurns, type Rounds } from '../worker/rounds.js';
import { caseName, type Case } from './cases.js';
import { disagreement } from './check.js';
import { expectedParameters } from './formulas.js';
import { elementsOf } from './shapes.js';
import { makeWorkload, type Workload } from './workload.js';

/** Steps that every contender makes before its parameters are compared. */
const comparedSteps = 3;

/** Times of one contender in one case. */
export interface ContenderResult extends Summary {
  readonly name: string;
  readonly engine: string | null;
  readonly work: Contender['work'];
  /** Of one step, one entry a round, in order. */
  readonly milliseconds: readonly number[];
  /** Time as a multiple of the floor's within a round. */
  readonly timesFloor: Summary;
}

/** Times of one pass over the memory. */
export interface MemoryResult extends Summary {
  readonly part: string;
  readonly bytesPerElement: number;
  readonly milliseconds: readonly number[];
  readonly gigabytesPerSecond: number;
}

/** One case, measured in one interleaved run. */
export interface CaseResult {
  readonly shape: string;
  readonly tensors: number;
  readonly elements: number;
  readonly threads: number;
  /** Threads that our step took: a small one stays on the calling thread. */
  readonly threadsTaken: number;
  readonly momentum: number;
  readonly projecting: boolean;
  /** That a fused step has to move. */
  readonly bytesPerElement: number;
  readonly memory: readonly MemoryResult[];
  readonly contenders: readonly ContenderResult[];
  /** Contenders that did not take part, each with the reason. */
  readonly leftOut: readonly { readonly name: string; readonly reason: string }[];
}

export interface StepOptions {
  readonly rounds: Rounds;
  /** The interpreter that has the peers; null: without them. */
  readonly python: string | null;
  /** Where files of inputs and of results are kept for a moment. */
  readonly folder: string;
  /** How many of `threads` a step over so many elements takes. */
  readonly threadsOf: (elements: number, threads: number) => number;
}

interface Chosen {
  readonly chosen: readonly Contender[];
  readonly leftOut: CaseResult['leftOut'];
}

/** Who takes part in a case: who can, as long as the memory lasts. */
function choose(tested: Case, withPeers: boolean): Chosen {
  const { shape, momentum } = tested;
  const elements = elementsOf(shape);
  const chosen: Contender[] = [];
  const leftOut: { name: string; reason: string }[] = [];
  // The measuring process holds parameters and velocities, and reads the gradients, for the check;
  // the rest is for the system, and for the files that it keeps in memory.
  let free = 0.8 * freemem() - (memoryBytesPerElement + 20) * elements;
  for (const contender of allContenders) {
    const wrongMomentum = momentum === 0 ? 'with' : 'without';
    if (contender.momentum === wrongMomentum || (contender.peer && !withPeers)) continue;
    const { name, bytesPerElement, mostElements, mostTensors } = contender;
    const needed = bytesPerElement * elements;
    if (elements > mostElements || shape.sizes.length > mostTensors) {
      leftOut.push({ name, reason: 'not measured at this size' });
    } else if (needed > free) {
      leftOut.push({ name, reason: 'too little memory to stand beside the others' });
    } else {
      free -= needed;
      chosen.push(contender);
    }
  }
  return { chosen, leftOut };
}

/** Throws unless the engine that should serve did, and projected where it should. */
function checkDetails(contender: Contender, details: Details, projecting: boolean): void {
  if (contender.engine === null) return;
  if (details['engine'] === contender.engine && details['projected'] === projecting) return;
  throw new Error(
    `${contender.name}: the step was made by ${String(details['engine'])}, projected: ` +
      `${String(details['projected'])}, instead of by ${contender.engine}, ${String(projecting)}`,
  );
}

/** A contender and its process. */
interface Participant {
  readonly contender: Contender;
  readonly child: ContenderProcess;
}

/**
 * Checks what the contenders have computed against their formulas, each formula computed once.
 * Returns what is wrong with results that have to be close, by the contender's name.
 *
 * @throws Error where results that have to be exact are wrong.
 */
async function checkResults(
  participants: readonly Participant[],
  workload: Workload,
  projecting: boolean,
  file: string,
): Promise<Map<string, string>> {
  const problems = new Map<string, string>();
  let known: { key: string; expected: Float32Array[] } | undefined;
  // Those of one formula one after the other: of a large case one set of results is held at a time.
  const keyOf = ({ contender: { formula, work } }: Participant) =>
    `${formula} ${String(work.projection)}`;
  const order = participants.toSorted((a, b) => keyOf(a).localeCompare(keyOf(b)));
  for (const participant of order) {
    const { contender, child } = participant;
    await child.ask('turn', { steps: comparedSteps, untimed: 0 });
    checkDetails(contender, (await child.ask('details', {})).details, projecting);
    await child.ask('write', { file });
    const key = keyOf(participant);
    if (known?.key !== key) {
      const { formula, work } = contender;
      known = undefined;
      const expected = expectedParameters(workload, formula, work.projection, comparedSteps);
      known = { key, expected };
    }
    const [actual] = readArrays(file, workload.sizes, 1);
    const problem = disagreement(contender.agreement, known.expected, actual!);
    if (problem === null) continue;
    if (contender.agreement === 'exact') throw new Error(`${contender.name}: ${problem}`);
    problems.set(contender.name, problem);
  }
  rmSync(file, { force: true });
  return problems;
}

/**
 * Measures one case: every contender in a process of its own, which has the same inputs; its
 * results are checked before its times count.
 */
export async function measureCase(
  tested: Case,
  { rounds, python, folder, threadsOf }: StepOptions,
): Promise<{ readonly result: CaseResult; readonly versions: Versions }> {
  const { shape, threads, momentum, projecting } = tested;
  const elements = elementsOf(shape);
  const { chosen, leftOut } = choose(tested, python !== null);
  const threadsTaken = threadsOf(elements, threads);
  const inputs = join(folder, 'inputs.f32');
  const workload = makeWorkload(tested, inputs);
  const environment = threadVariables(threads);
  const started = chosen.map((contender): Participant => {
    const { name, command } = contender;
    return { contender, child: new ContenderProcess(name, command(python ?? ''), environment) };
  });
  const floor = new ContenderProcess('floor', floorCommand, environment);
  const memory = new ContenderProcess('memory', memoryCommand, environment);
  try {
    const versions: Record<string, string> = {};
    // One after the other: what they hold while they get ready is more than what they keep.
    for (const { child } of started) {
      Object.assign(versions, (await child.ask('prepare', { input: workload })).versions);
    }
    for (const child of [floor, memory]) {
      await child.ask('prepare', { input: { ...workload, threads: threadsTaken } });
    }
    const resultFile = join(folder, 'results.f32');
    const problems = await checkResults(started, workload, projecting, resultFile);
    const timed = started.filter(({ contender }) => !problems.has(contender.name));
    const [floorTimes, memoryTimes, ...times] = await takeTurns(
      [floor, memory, ...timed.map(({ child }) => child)],
      rounds,
    );
    for (const { contender, child } of timed) {
      checkDetails(contender, (await child.ask('details', {})).details, projecting);
    }
    const result: CaseResult = {
      shape: shape.name,
      tensors: shape.sizes.length,
      elements,
      threads,
      threadsTaken,
      momentum,
      projecting,
      bytesPerElement: stepBytes(momentum !== 0, projecting),
      memory: memoryPasses.flatMap(({ part, bytes }) => {
        const milliseconds = (part === floorPart ? floorTimes : memoryTimes)!.get(part);
        if (!milliseconds) return [];
        const bytesPerElement = bytes(momentum !== 0, projecting);
        const summary = summarise(milliseconds);
        const gigabytesPerSecond = (bytesPerElement * elements) / summary.median / 1e6;
        return { part, bytesPerElement, milliseconds, ...summary, gigabytesPerSecond };
      }),
      contenders: timed.map(({ contender: { name, engine, work } }, i) => {
        const milliseconds = times[i]!.get('step')!;
        return {
          name,
          engine,
          work,
          milliseconds,
          ...summarise(milliseconds),
          timesFloor: ratios(milliseconds, floorTimes!.get(floorPart)!),
        };
      }),
      leftOut: [...leftOut, ...[...problems].map(([name, reason]) => ({ name, reason }))],
    };
    return { result, versions };
  } catch (error) {
    throw new Error(`${caseName(tested)}: ${(error as Error).message}`, { cause: error });
  } finally {
    await Promise.all(
      [floor, memory, ...started.map(({ child }) => child)].map((child) => child.stop()),
    );
  }
}
