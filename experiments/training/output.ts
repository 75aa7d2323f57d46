/** JSON lines: the run, every step, and what else the experiment records. */
export const logFileName = 'log.jsonl';
/** The run's curves over the steps. */
export const chartFileName = 'curves.svg';
