import { noProjection, type ConstraintKind } from './projection.js';

/** No constraint, the same as null. Made as {@link none}. */
export interface None {
  readonly className: 'None';
  readonly config: Readonly<Record<string, never>>;
}

/** No constraint: every value is allowed. */
export const none: None = { className: 'None', config: {} };

export const noneKind: ConstraintKind<None['className']> = {
  className: 'None',
  written: 'none',
  projection: () => noProjection,
};
