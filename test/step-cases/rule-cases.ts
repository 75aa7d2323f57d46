/** What each form of a rule must survive. */
import { ruleForms, type RuleForm } from './rule-forms.js';
import { ruleCase, type Row, type RuleSettings, type StepCase } from './step-case.js';
import { moreChunksThanAChunkHasElements } from './shapes.js';
import { denormalScales, mixedSizes } from './values.js';

/** A row, and what it changes of the form's settings. */
type Change = Omit<Row, 'sizes'> &
  Partial<Pick<Row, 'sizes'>> & { readonly of?: Partial<RuleSettings> };

/** Smaller than the norm of any case's parameters but those of denormal numbers. */
const maxNorm = 0.5;
/** Smaller than seven of ten elements of gradients between -1 and 1. */
const maxGradientValue = 0.3;
const scalars = [0.3, 0.02, 0.1];

/** Of numbers that are finite. `one`: a single group; the others have all. */
function finiteCases({ groups, settings }: RuleForm): Change[] {
  const one = { groups: groups.slice(0, 1) };
  return [
    { title: 'from the first step', of: one, steps: 4 },
    { title: 'groups', of: { scalars } },
    { title: 'the ball active', of: { ...one, maxNorm } },
    { title: 'clipped by value', of: { ...one, maxGradientValue } },
    { title: 'tensors without gradient, projected', of: { maxNorm }, withoutGradient: [0, 2] },
    { title: 'all gradients 0', valuesAlone: true, gradientScale: 0 },
    {
      title: 'no gradient and no state yet',
      valuesAlone: true,
      gradientScale: 0,
      stateScale: 0,
      of: {
        groups: one.groups.map((group) =>
          'weightDecay' in group ? { ...group, weightDecay: 0 } : group,
        ),
        settings: 'weightDecay' in settings ? { ...settings, weightDecay: 0 } : settings,
      },
    },
    {
      title: 'state that decays out of the normal range',
      valuesAlone: true,
      gradientScale: 1e-39,
      stateScale: 3e-38,
      of: one,
      steps: 6,
    },
    { title: 'denormal values', valuesAlone: true, ...denormalScales },
    { title: 'large gradients', valuesAlone: true, gradientScale: 3e25 },
    { title: 'huge gradients', valuesAlone: true, gradientScale: 3e38 },
    {
      title: 'huge state',
      valuesAlone: true,
      sizes: [40, 3],
      parameterScale: 3.4e38,
      stateScale: 3.4e38,
      of: one,
      steps: 1,
    },
  ];
}

/** Of a rule that clips gradients by their norm. */
function clippingCases({ settings }: RuleForm): Change[] {
  const clippedAt = (maxGradientNorm: number) => ({ settings: { ...settings, maxGradientNorm } });
  return [
    { title: 'gradients clipped', valuesAlone: true, of: clippedAt(0.1) },
    { title: 'gradients below the clipping norm', valuesAlone: true, of: clippedAt(1e6) },
    { title: 'all gradients 0, clipped', valuesAlone: true, gradientScale: 0, of: clippedAt(1) },
    { title: 'huge gradients clipped', valuesAlone: true, gradientScale: 3e38, of: clippedAt(1) },
  ];
}

const lossCases: readonly Change[] = [
  { title: 'loss 0', valuesAlone: true, loss: 0 },
  { title: 'negative loss', valuesAlone: true, loss: -0.4 },
];

/** Of numbers that are not: they are refused before the settings count. */
function refusedCases({ rule }: RuleForm): Change[] {
  return [
    { title: 'infinite gradients', valuesAlone: true, gradientScale: Infinity, steps: 1 },
    {
      title: 'tensors without gradient, an infinite gradient',
      gradientFlaw: Infinity,
      withoutGradient: [1],
    },
    {
      title: 'a gradient that is not a number, clipped by value',
      valuesAlone: true,
      gradientFlaw: NaN,
      of: { maxGradientValue },
    },
    { title: 'a gradient that is not a number, projected', gradientFlaw: NaN, of: { maxNorm } },
    { title: 'a loss that is not a number', valuesAlone: true, loss: NaN, withoutGradient: [0] },
    { title: 'no gradient at all, projected', withoutGradient: [0, 1, 2, 3], of: { maxNorm } },
    {
      title: 'a parameter that is infinite',
      valuesAlone: true,
      parameterFlaw: Infinity,
      of: { maxNorm },
    },
    ...(rule.state.length > 0
      ? [{ title: 'a state that is not a number', valuesAlone: true, stateFlaw: NaN }]
      : []),
  ];
}

const mostSums = Math.max(...ruleForms.map(({ rule }) => rule.sums));

function casesOf(form: RuleForm): StepCase[] {
  const { title, rule, settings, groups, threads = false } = form;
  const isMain = ruleForms.find((each) => each.rule === rule) === form;
  const changes: Change[] = [
    ...finiteCases(form),
    ...('maxGradientNorm' in settings ? clippingCases(form) : []),
    ...(rule.usesLoss ? lossCases : []),
    ...(isMain ? refusedCases(form) : []),
  ];
  if (threads) {
    changes.push({
      title: 'enough for 8 threads',
      sizes: [300_000, 3, 700_001],
      steps: 1,
      forThreads: true,
    });
  }
  if (form === ruleForms.find((each) => each.rule.sums === mostSums)) {
    // One rule is enough for what all share.
    changes.push({
      title: 'more chunks than a chunk has elements',
      sizes: moreChunksThanAChunkHasElements,
      steps: 1,
    });
  }
  return changes.map(({ of, ...row }) =>
    ruleCase(
      { sizes: mixedSizes, steps: 2, ...row, title: `${title}: ${row.title}` },
      { rule, settings, groups, ...of },
    ),
  );
}

export const ruleCases: readonly StepCase[] = ruleForms.flatMap(casesOf);
