/** Cases of values at the ends of what float32 holds, and of the forms and ends of ALI-G's step. */
import { CHUNK_SIZE, LANE_COUNT } from '../../lib/engines/sums.js';
import { aliGCase, type StepCase } from './step-case.js';

/** Less than a lane, a row of lanes and more, a chunk and more. */
export const mixedSizes = [1, 700, LANE_COUNT + 3, CHUNK_SIZE + 5];

export const denormalScales = { parameterScale: 1e-40, gradientScale: 1e-38, stateScale: 1e-38 };

const sizes = mixedSizes;
const everyTensor = [0, 1, 2, 3];

export const values: readonly StepCase[] = [
  { title: 'denormal gradients', sizes, gradientScale: 1e-41 },
  { title: 'denormal parameters', sizes, ...denormalScales, steps: 2 },
  {
    title: 'denormal parameters on several threads',
    sizes: [600_001, 500_000],
    ...denormalScales,
    steps: 1,
    forThreads: true,
  },
  {
    title: 'velocities that decay out of the normal range',
    sizes,
    gradientScale: 0,
    stateScale: 3e-38,
    steps: 6,
  },
  { title: 'huge gradients', sizes, gradientScale: 3e38 },
  { title: 'huge parameters', sizes, parameterScale: 3e38, settings: { maxNorm: 1e30 } },
  {
    title: 'a parameter that overflows',
    sizes: [40, 3],
    parameterScale: 3.4e38,
    stateScale: 3.4e38,
    steps: 1,
  },
  {
    title: 'a parameter that overflows, projected',
    sizes: [40, 3],
    parameterScale: 3.4e38,
    stateScale: 3.4e38,
    settings: { maxNorm: 1 },
  },
  { title: 'all gradients 0', sizes, gradientScale: 0 },
  { title: 'all gradients 0, epsilon 0', sizes, gradientScale: 0, settings: { epsilon: 0 } },
  { title: 'loss 0', sizes, loss: 0 },
  { title: 'loss below its lower bound', sizes, loss: -3, settings: { lowerBound: -2 } },
  { title: 'infinite loss', sizes, loss: Infinity, steps: 1 },
  { title: 'loss that is not a number, projected', sizes, loss: NaN, settings: { maxNorm: 0.5 } },
  {
    title: 'an infinite step size',
    sizes,
    gradientScale: 1e-30,
    settings: { epsilon: 0, maxLearningRate: null },
    steps: 1,
  },
  {
    title: 'an infinite gradient, projected',
    sizes,
    gradientFlaw: Infinity,
    settings: { maxNorm: 0.5 },
  },
  { title: 'a gradient that is not a number', sizes, gradientFlaw: NaN },
  {
    title: 'a parameter that is not a number',
    sizes,
    parameterFlaw: NaN,
    settings: { maxNorm: 0.5 },
  },
  { title: 'tensors without gradient', sizes, withoutGradient: [0, 2] },
  {
    title: 'tensors without gradient, projected',
    sizes,
    withoutGradient: [1, 3],
    settings: { maxNorm: 0.5 },
  },
  { title: 'tensors without gradient, refused', sizes, withoutGradient: [1, 2], loss: Infinity },
  {
    title: 'no gradient at all, projected',
    sizes,
    withoutGradient: everyTensor,
    settings: { maxNorm: 0.5 },
  },
  {
    title: 'no gradient at all, inside the ball, infinite loss',
    sizes,
    withoutGradient: everyTensor,
    loss: Infinity,
    settings: { maxNorm: 1e9 },
  },
  { title: 'no momentum', sizes, settings: { momentum: 0 } },
  { title: 'adjusted momentum', sizes, settings: { adjustedMomentum: true } },
  { title: 'no maximal learning rate', sizes, settings: { maxLearningRate: null } },
  { title: 'a small maximal learning rate', sizes, settings: { maxLearningRate: 1e-4 } },
  { title: 'the ball active, no momentum', sizes, settings: { momentum: 0, maxNorm: 3 } },
  { title: 'the ball active, momentum', sizes, settings: { maxNorm: 3 } },
  {
    title: 'the ball active, adjusted momentum',
    sizes,
    settings: { maxNorm: 3, adjustedMomentum: true },
  },
].map(aliGCase);
