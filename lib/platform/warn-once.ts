const said = new Set<string>();

/** Writes a warning to the console, the same one only once a process. */
export function warnOnce(warning: string): void {
  if (said.has(warning)) return;
  said.add(warning);
  console.warn(warning);
}
