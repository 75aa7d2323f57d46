/** `npm run docs`: makes the site in dist/docs. */
import { join } from 'node:path';
import { packageRoot } from '../lib/platform/package.js';
import { makeSite } from './make.js';

const folder = join(packageRoot, 'dist', 'docs');
await makeSite(folder);
console.log(`The site is in ${folder}: open index.html.`);
