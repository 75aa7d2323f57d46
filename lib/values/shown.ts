/** A value as it stands in an error message. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`;
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'object' && value !== null) {
    if (Array.isArray(value)) return 'an array';
    // An object without prototype has no constructor.
    const { constructor } = value as { readonly constructor?: { readonly name?: unknown } };
    return typeof constructor?.name === 'string' ? `an object (${constructor.name})` : 'an object';
  }
  return String(value);
}
