import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { writing } from './file-error.js';

/** Makes a new, renamed or removed entry of a folder outlast a power cut. */
export function syncFolder(folder: string): void {
  if (process.platform === 'win32') {
    return; // Folders cannot be opened there.
  }
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** What a file is called until it is whole; a killed process leaves it. */
export function temporaryOf(path: string): string {
  return `${path}.new`;
}

/** Writes a file so that at every moment there is either the old one or the whole new one. */
export function writeAtomically(path: string, content: string | Uint8Array): void {
  const temporary = temporaryOf(path);
  writing(path, () => {
    try {
      const descriptor = openSync(temporary, 'w');
      try {
        writeFileSync(descriptor, content);
        fsyncSync(descriptor);
      } finally {
        closeSync(descriptor);
      }
      renameSync(temporary, path);
      syncFolder(dirname(path));
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
  });
}
