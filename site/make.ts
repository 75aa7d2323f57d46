/** The whole site: the reference and the guides. */
import { makeReference } from './reference.js';

/** Makes the site in a folder, which is emptied first. */
export async function makeSite(folder: string): Promise<void> {
  await makeReference(folder, {});
}
