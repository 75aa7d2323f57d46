/** `npm run docs`: makes the site in dist/docs. */
import { siteFolder } from './folders.js';
import { makeSite } from './make.js';

await makeSite(siteFolder);
console.log(`The site is in ${siteFolder}: open index.html.`);
