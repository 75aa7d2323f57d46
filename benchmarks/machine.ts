import { readdirSync, readFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { describeCommit } from '../experiments/runner/commit.js';
import { addonState, type Addon } from '../lib/platform/addon.js';
import { packageVersion } from '../lib/platform/version.js';

/** What a time depends on. Null: this system doesn't tell. */
export interface Machine {
  readonly processor: string;
  /** Hardware threads that the system shows. */
  readonly processors: number;
  readonly caches: readonly { level: number; type: string; size: string }[];
  readonly governor: string | null;
  readonly transparentHugePages: string | null;
  readonly memoryGibibytes: number;
  /** Mean number of running processes in the minute before the run: others than ours disturb it. */
  readonly loadBefore: number;
  readonly instructionSet: string;
  readonly threads: number;
  readonly versions: Readonly<Record<string, string>>;
  /** With '-dirty' where files were changed since. */
  readonly commit: string | null;
  readonly date: string;
}

function fileText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return null;
  }
}

function caches(): Machine['caches'] {
  const folder = '/sys/devices/system/cpu/cpu0/cache';
  let indices: string[];
  try {
    indices = readdirSync(folder).filter((name) => name.startsWith('index'));
  } catch {
    return [];
  }
  return indices.map((index) => {
    const field = (name: string) => fileText(`${folder}/${index}/${name}`) ?? 'unknown';
    return { level: Number(field('level')), type: field('type'), size: field('size') };
  });
}

/** The native add-on; without it there is nothing to measure. */
export function requireAddon(): Addon {
  const state = addonState();
  if (!state.addon) throw new Error(state.report);
  return state.addon;
}

/** Describes this machine; what contenders bring along is added to the versions later. */
export function describeMachine(): Machine {
  const addon = requireAddon();
  return {
    processor: cpus()[0]?.model ?? 'unknown',
    processors: cpus().length,
    caches: caches(),
    governor: fileText('/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor'),
    transparentHugePages: fileText('/sys/kernel/mm/transparent_hugepage/enabled'),
    memoryGibibytes: Math.round(totalmem() / 2 ** 30),
    loadBefore: loadavg()[0]!,
    instructionSet: addon.getInstructionSet(),
    threads: addon.getThreadCount(),
    versions: {
      node: process.versions.node,
      'tfjs-alig': packageVersion,
    },
    commit: describeCommit(),
    date: new Date().toISOString(),
  };
}
