/** What the add-on says of its rules, and what becomes of one that was built from other sources. */
import test from 'ava';
import { ruleProblem } from '../../lib/engines/addon.js';
import { addonState } from '../../lib/platform/addon.js';
import { rules } from '../../lib/rules/all.js';

const { addon } = addonState();
const built = addon!.rules;

test('the add-on was built with the rules of this package', (t) => {
  t.is(built.length, rules.length);
  t.is(ruleProblem(built), null);
});

test('another order, other settings and another number of rules are told apart', (t) => {
  // Both have the same numbers of settings, state and sums.
  const [dfw, bpGrad] = ['dfw', 'bpgrad'].map((name) =>
    built.findIndex((rule) => rule.name === name),
  ) as [number, number];
  const reordered = [...built];
  [reordered[dfw], reordered[bpGrad]] = [built[bpGrad]!, built[dfw]!];
  t.regex(ruleProblem(reordered)!, /^its rule \d+ is .*"bpgrad".*, and this package's .*"dfw"/);
  const renamed = built.map((rule, i) => (i === 3 ? { ...rule, settings: 'clipping' } : rule));
  t.regex(
    ruleProblem(renamed)!,
    /^its rule 3 is .*clipping.* and this package's .*maxGradientNorm/,
  );
  t.regex(ruleProblem(built.slice(0, -1))!, /is missing, and this package's/);
  t.regex(ruleProblem([...built, built[0]!])!, /this package's does not exist$/);
  // As add-ons of 0.1.0 told it at first.
  t.regex(ruleProblem(rules.map(({ name }) => name) as never)!, /^its rule 0 is "alig"/);
});
