import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** Which process it is, of all those that see one folder. */
export interface ProcessIdentity {
  readonly host: string;
  readonly process: number;
  /**
   * The boot of the system and the namespace in which `process` counts, and when it began there;
   * null where the system does not tell.
   */
  readonly boot: string | null;
  readonly namespace: string | null;
  readonly begin: string | null;
}

/** State and begin of a process, from the text after its name, which may have spaces. */
function readStatus(process: number | 'self'): { state: string; begin: string } | null {
  try {
    const text = readFileSync(`/proc/${process}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    // Fields 3 and 22 of proc(5).
    return { state: fields[0] ?? '', begin: fields[19] ?? '' };
  } catch {
    return null;
  }
}

function orNull(read: () => string): string | null {
  try {
    return read().trim();
  } catch {
    return null;
  }
}

/** This process. */
export function ownIdentity(): ProcessIdentity {
  return {
    host: hostname(),
    process: process.pid,
    boot: orNull(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')),
    namespace: orNull(() => readlinkSync('/proc/self/ns/pid')),
    begin: readStatus('self')?.begin ?? null,
  };
}

/**
 * Whether a process lives, also one that is stopped; 'unknown' where it is that of another machine or
 * container, whose process numbers say nothing here.
 */
export function isAlive(identity: ProcessIdentity): boolean | 'unknown' {
  const own = ownIdentity();
  const comparable =
    identity.begin !== null &&
    own.boot !== null &&
    own.namespace !== null &&
    identity.host === own.host &&
    identity.boot === own.boot &&
    identity.namespace === own.namespace;
  if (!comparable) return 'unknown';
  const status = readStatus(identity.process);
  // A number is given out again, hence the begin; a zombie (Z, X) has ended.
  return status?.begin === identity.begin && !['Z', 'X'].includes(status.state);
}
