/** The whole site: the reference, the guides and the page that trains. */
import { join } from 'node:path';
import { makeReference } from './reference.js';
import { makeTrainingPage } from './training/make.js';

/** Makes the site in a folder, which is emptied first. */
export async function makeSite(folder: string): Promise<void> {
  await makeReference(folder, { 'Training in the browser': 'training/index.html' });
  await makeTrainingPage(join(folder, 'training'));
}
