/** Prepared steps over host arrays by the reference in TypeScript: the process has no add-on. */
import '../support/without-addon.js';
import { testPreparedSteps } from '../support/prepared-steps.js';

testPreparedSteps('typescript');
