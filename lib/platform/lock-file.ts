import { createHash, randomUUID } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

import { beatWidth, type HeartbeatCommand, type HeartbeatSettings } from './lock-heartbeat.js';
import { FileError, writing } from './file-error.js';
import { isAlive, ownIdentity, type ProcessIdentity } from './process-identity.js';

/*
 * NOTE [locks]
 * A lock is a file that is created where there was none (O_EXCL), which one of several processes can
 * do, on one machine, in several containers and over NFS 3 and later; local sockets and the locks of
 * the system end at a container or are not passed on by every network file system. The file says
 * whose it is. It is given to another process when its holder has ended:
 * - In the same boot and namespace the system knows that, at once. There a process that lives keeps
 *   its lock, also one that is stopped.
 * - Elsewhere the file tells: a thread of the holder counts in it every 5 s. One that has not counted
 *   while it was looked at for 60 s has ended, or stands still. No two clocks are compared, neither of
 *   machines nor of a file server.
 * A holder that stood still for so long, and goes on, finds its lock gone: `assertHeld` says so before
 * anything is written that would replace the files of the new holder.
 * To replace the lock of a holder that has ended takes a lock of its own, whose name has the old one's
 * key: of several processes that wait, one replaces it, and one that comes late sees another key.
 * proper-lockfile, which was looked at first, counts in the main thread, which TensorFlow blocks for
 * the length of a step, and compares the clocks of two machines; its last release is of 2021.
 */

/** How often a holder counts, and for how long one must not have counted; in milliseconds. */
export interface LockTimes {
  readonly look: number;
  readonly stale: number;
}

const heartbeatMilliseconds = 5_000;

/** A look a quarter of a second keeps a waiting command quick and costs 30 us. */
const standardTimes: LockTimes = { look: 250, stale: 12 * heartbeatMilliseconds };

/** How a lock is waited for. */
export interface WaitOptions {
  /** Is told once whose end is waited for. */
  readonly onWait?: (holder: string) => void;
  readonly signal?: AbortSignal | undefined;
  /** Default: looks every 250 ms, for 60 s without a count. */
  readonly times?: LockTimes;
}

/** A lock that this process no longer has, because it stood still for too long. */
export class LockLostError extends FileError {
  constructor(path: string) {
    super(
      `The lock ${path} was given to another process, because this one stood still for more than ` +
        `${standardTimes.stale / 1000} s (stopped, or its file system did not answer). It writes ` +
        'nothing more; give the same command again.',
    );
  }
}

let heartbeat: Worker | undefined;

/** One thread for all locks of the process, which does not keep it from ending. */
function tellHeartbeat(command: HeartbeatCommand): void {
  if (heartbeat === undefined) {
    const workerData: HeartbeatSettings = { milliseconds: heartbeatMilliseconds };
    heartbeat = new Worker(new URL('./lock-heartbeat.js', import.meta.url), {
      workerData,
      execArgv: [],
      // The files that it closes were opened here.
      trackUnmanagedFds: false,
    });
    // Without it, processes elsewhere take the lock after a minute, which `assertHeld` then tells.
    heartbeat.on('error', () => undefined);
    heartbeat.unref();
  }
  heartbeat.postMessage(command);
}

function errorCode(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

/** What a lock file says, or null where there is none. */
function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw error;
  }
}

/** What does not change while a lock is held. A file that its maker has not finished has a key, too. */
function keyOf(content: string | null): string | null {
  if (content === null) return null;
  const [holder = ''] = content.split('\n');
  return createHash('sha256').update(holder).digest('hex').slice(0, 16);
}

function holderOf(content: string): ProcessIdentity | null {
  try {
    return JSON.parse(content.split('\n')[0] ?? '') as ProcessIdentity;
  } catch {
    return null;
  }
}

function describeHolder(content: string): string {
  const holder = holderOf(content);
  return holder === null ? 'a process' : `process ${holder.process} on ${holder.host}`;
}

/** A lock that this process holds. */
export class LockFile {
  readonly #path: string;
  readonly #key: string | null;
  readonly #heartbeat: Pick<HeartbeatCommand, 'file' | 'position'>;

  private constructor(path: string, file: number, holder: string) {
    this.#path = path;
    this.#key = keyOf(holder);
    this.#heartbeat = { file, position: Buffer.byteLength(holder) };
    tellHeartbeat({ type: 'hold', ...this.#heartbeat });
  }

  /** Makes the file of a lock where there is none; undefined: there is one. */
  static create(path: string, name = path): LockFile | undefined {
    return writing(path, () => {
      let file;
      try {
        file = openSync(name, 'wx');
      } catch (error) {
        if (errorCode(error) === 'EEXIST') return undefined;
        throw error;
      }
      const holder = `${JSON.stringify({ ...ownIdentity(), token: randomUUID() })}\n`;
      try {
        writeSync(file, `${holder}${'0'.repeat(beatWidth)}\n`);
        fsyncSync(file);
        if (name !== path) renameSync(name, path);
      } catch (error) {
        closeSync(file);
        rmSync(name, { force: true });
        throw error;
      }
      return new LockFile(path, file, holder);
    });
  }

  isHeld(): boolean {
    return keyOf(read(this.#path)) === this.#key;
  }

  /** @throws LockLostError where another process has it now. */
  assertHeld(): void {
    if (!this.isHeld()) throw new LockLostError(this.#path);
  }

  /** Ends the beats; the file stays. */
  #drop(): void {
    tellHeartbeat({ type: 'release', ...this.#heartbeat });
  }

  /** Removes the file, if it is this lock's, when nobody else can be about to replace it. */
  async release(): Promise<void> {
    let claim: LockFile | null;
    try {
      claim = await acquire(`${this.#path}.${this.#key}`, {});
    } catch {
      // On a full disk: the file has to go all the same, and nobody can replace it there.
      claim = null;
    }
    try {
      this.releaseClaim();
    } finally {
      claim?.releaseClaim();
    }
  }

  /** The same where nobody replaces: of a lock that is held for no longer than a file is renamed. */
  releaseClaim(): void {
    if (this.isHeld()) rmSync(this.#path, { force: true });
    this.#drop();
  }
}

/** Replaces the lock of a holder that has ended; undefined: another process was quicker. */
async function takeOver(
  path: string,
  key: string,
  options: WaitOptions,
): Promise<LockFile | undefined> {
  const claim = await acquire(`${path}.${key}`, { ...options, onWait: () => undefined });
  try {
    return keyOf(read(path)) === key ? LockFile.create(path, `${path}.${randomUUID()}`) : undefined;
  } finally {
    claim.releaseClaim();
  }
}

/** Whether the holder lives, as far as this machine and container knows. */
function holderLives(content: string): boolean | 'unknown' {
  const holder = holderOf(content);
  return holder === null ? 'unknown' : isAlive(holder);
}

/**
 * Waits for a lock and takes it.
 * @param path A file that does not exist but for the lock; its folder has to be there.
 */
export async function acquire(path: string, options: WaitOptions): Promise<LockFile> {
  const { onWait, signal, times = standardTimes } = options;
  let seen: string | null = null;
  let quiet = 0;
  let lastLook = performance.now();
  let isTold = false;
  for (;;) {
    signal?.throwIfAborted();
    const lock = LockFile.create(path);
    if (lock?.isHeld()) return lock;
    // This process stood still before it had written whose the file is.
    lock?.releaseClaim();
    const content = read(path);
    const now = performance.now();
    // Where the file system has not answered for a while, the holder could not count either.
    quiet = content === seen ? quiet + Math.min(now - lastLook, 2 * times.look) : 0;
    lastLook = now;
    seen = content;
    if (content === null) continue;
    const lives = holderLives(content);
    if (lives === false || (lives === 'unknown' && quiet >= times.stale)) {
      const taken = await takeOver(path, keyOf(content)!, options);
      if (taken !== undefined) return taken;
      continue;
    }
    if (!isTold) {
      isTold = true;
      onWait?.(describeHolder(content));
    }
    await setTimeout(times.look, undefined, { signal });
  }
}

/** Takes a lock that nobody has, or whose holder has ended; undefined: it is held. */
export async function acquireIfFree(path: string): Promise<LockFile | undefined> {
  const lock = LockFile.create(path);
  if (lock !== undefined) return lock;
  const content = read(path);
  return content !== null && holderLives(content) === false
    ? takeOver(path, keyOf(content)!, {})
    : undefined;
}
