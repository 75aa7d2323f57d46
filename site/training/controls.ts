/** The controls of the page, by their ids in index.html. */

export function elementOf(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (!element) throw new Error(`The page has no element '${id}'.`);
  return element;
}

export function slider(id: string): HTMLInputElement {
  return elementOf(id) as HTMLInputElement;
}

export function choice(id: string): HTMLSelectElement {
  return elementOf(id) as HTMLSelectElement;
}

/** A slider of exponents in steps of a half: 0.1, 0.316, 1, ... */
export function powerOfTen({ value }: HTMLInputElement): number {
  return Number((10 ** Number(value)).toPrecision(3));
}

/** Writes beside a slider what it stands at. */
export function showSlider({ id }: HTMLInputElement, text: string): void {
  elementOf(`${id}-value`).textContent = text;
}
