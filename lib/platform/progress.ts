/** Whom a long piece of work tells how far it is. One task runs at a time. */
export interface Progress {
  /** A line that stays. */
  say(line: string): void;
  begin(task: string): void;
  /** How many bytes are done, and of how many if that is known. */
  update(done: number, total: number | null): void;
  /** The task of the last `begin` has ended, well or not. */
  end(): void;
}

/** Tells nobody. */
export const silentProgress: Progress = {
  say: () => undefined,
  begin: () => undefined,
  update: () => undefined,
  end: () => undefined,
};
