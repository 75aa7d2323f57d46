/** JSON lines: the run, every step, every epoch. */
export const logFileName = 'log.jsonl';
/** Loss, step size and test accuracy over the steps. */
export const chartFileName = 'curves.svg';
