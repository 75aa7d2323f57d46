/**
 * What getConfig gives in place of a function, which JSON cannot hold: a loaded optimiser knows by it
 * that it has to ask for the function before its first step.
 */
export const functionMarker = { className: 'Function', config: {} } as const;

/** Whether a value that came out of getConfig stands for a function. */
export function isFunctionMarker(value: unknown): value is typeof functionMarker {
  return (
    typeof value === 'object' &&
    (value as Partial<typeof functionMarker> | null)?.className === functionMarker.className
  );
}
