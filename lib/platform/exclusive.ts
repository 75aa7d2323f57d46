import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * A lock is a listening local socket, because the system takes it away with its process, however
 * that ends: no lock file of a killed process, no process id that now belongs to another one.
 * Linux has names for sockets outside the file system, and Windows has pipes; elsewhere the socket
 * is a file, and one that nobody answers on is the leftover of a killed process.
 */
function lockAddress(resource: string): { address: string; file: boolean } {
  const name = `tfjs-alig-${createHash('sha256').update(resource).digest('hex').slice(0, 32)}`;
  switch (process.platform) {
    case 'linux':
      return { address: `\0${name}`, file: false };
    case 'win32':
      return { address: `\\\\.\\pipe\\${name}`, file: false };
    default:
      return { address: join(tmpdir(), `${name}.sock`), file: true };
  }
}

function errorCode(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

interface HeldLock {
  readonly server: Server;
  /** Connections of the processes that wait for the lock: they see its end as theirs. */
  readonly waiting: Set<Socket>;
}

async function tryToHold(address: string): Promise<HeldLock | undefined> {
  const waiting = new Set<Socket>();
  const server = createServer((socket) => {
    waiting.add(socket);
    // Reset by a waiting process that was killed: nothing to do with our work.
    socket.on('error', () => waiting.delete(socket));
  });
  try {
    server.listen(address);
    await once(server, 'listening');
    return { server, waiting };
  } catch (error) {
    if (errorCode(error) === 'EADDRINUSE') {
      return undefined;
    }
    throw error;
  }
}

/** Waits for the end of the process or of the work that holds the lock. */
async function waitForHolder(address: string, file: boolean, signal?: AbortSignal): Promise<void> {
  const socket = connect(address);
  try {
    await once(socket, 'connect', { signal });
    // A socket that is not read never sees the other end close.
    socket.resume();
    await once(socket, 'close', { signal });
  } catch (error) {
    if (signal?.aborted) {
      throw error;
    }
    if (file && errorCode(error) === 'ECONNREFUSED') {
      await rm(address, { force: true });
    }
  } finally {
    socket.destroy();
  }
}

async function holding<Result>(
  { server, waiting }: HeldLock,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } finally {
    server.close();
    for (const socket of waiting) {
      socket.destroy();
    }
  }
}

/**
 * Runs `work` while no other process on this machine runs work for the same resource, a folder's
 * path. Calls `onWait` once if it has to wait. Rejects with an AbortError when aborted meanwhile.
 */
export async function exclusively<Result>(
  resource: string,
  work: () => Promise<Result>,
  { onWait, signal }: { onWait: () => void; signal?: AbortSignal | undefined },
): Promise<Result> {
  const { address, file } = lockAddress(resource);
  let lock = await tryToHold(address);
  if (!lock) {
    onWait();
  }
  while (!lock) {
    await waitForHolder(address, file, signal);
    lock = await tryToHold(address);
  }
  return holding(lock, work);
}

/** Runs `work` as `exclusively` does, or not at all where it would have to wait. */
export async function exclusivelyIfFree(
  resource: string,
  work: () => Promise<void>,
): Promise<void> {
  const lock = await tryToHold(lockAddress(resource).address);
  if (lock) {
    await holding(lock, work);
  }
}
