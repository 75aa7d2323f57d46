import { createHash } from 'node:crypto';

/** The last line of a finished run's log: the SHA-256 of all bytes before it. */
export function hashLine(sha256: string): string {
  return `${JSON.stringify({ type: 'hash', sha256 })}\n`;
}

const lineLength = hashLine('0'.repeat(64)).length;

/** What a log says before its hash, or what is wrong with it, as the end of a sentence. */
export type HashedLog = { readonly content: Buffer } | { readonly problem: string };

/** Takes a finished log apart, every bit of which its hash tells. */
export function withoutHash(log: Buffer): HashedLog {
  const content = log.subarray(0, Math.max(0, log.length - lineLength));
  const line = log.toString('latin1', content.length);
  const sha256 = createHash('sha256').update(content).digest('hex');
  if (line === hashLine(sha256)) {
    return { content };
  }
  const written = /^\{"type":"hash","sha256":"([0-9a-f]{64})"\}\n$/.exec(line)?.[1];
  return {
    problem:
      written === undefined
        ? 'there is no hash at its end'
        : `its SHA-256 is ${sha256}, and its last line says ${written}`,
  };
}
