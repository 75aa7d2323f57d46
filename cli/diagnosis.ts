/**
 * Something that was looked at: it works; it is not there, which only costs speed; or it is there
 * and fails.
 */
export type Diagnosis<Finding> =
  | ({ readonly status: 'works' } & Finding)
  | { readonly status: 'missing' | 'broken'; readonly problem: string; readonly remedy: string };
