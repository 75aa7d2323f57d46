/** Where the site is made from and to. */
import { fileURLToPath } from 'node:url';

/** The root of the repository; compiled modules lie in dist/site. */
export const packageRoot = fileURLToPath(new URL('../../', import.meta.url));

/** The finished site: static files. */
export const siteFolder = fileURLToPath(new URL('../docs/', import.meta.url));
