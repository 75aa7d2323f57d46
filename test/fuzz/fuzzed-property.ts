import type fc from 'fast-check';

export interface FuzzedProperty {
  readonly title: string;
  readonly property: fc.IRawProperty<unknown>;
  /** Cases in a second, about. */
  readonly rate: number;
}
