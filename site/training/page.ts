/** The page that trains in the browser. */
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-webgl';
import '@tensorflow/tfjs-backend-webgpu';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import '@tensorflow/tfjs-core/dist/register_all_gradients.js';
import * as tf from '@tensorflow/tfjs-core';
import type uPlot from 'uplot';
import { Contest, contestants, type StepShown } from './contest.js';
import { choice, elementOf, powerOfTen, showSlider, slider } from './controls.js';
import { playFigures } from './figure-panel.js';
import { lineChart } from './line-chart.js';
import { unpackDigits } from './page-data.js';

/** The fastest first. */
const backends = ['webgpu', 'webgl', 'wasm', 'cpu'] as const;
const colors = ['#1f77b4', '#ff7f0e', '#2ca02c'] as const;
/** A training ends here by itself; by then each has seen the digits 16 times. */
const mostSteps = 1000;
const stepsBetweenTests = 20;

const training = unpackDigits(trainingPageData.training);
const test = unpackDigits(trainingPageData.test);
setWasmPaths({ ...trainingPageData.wasm });

const startButton = elementOf('start') as HTMLButtonElement;
const rate = slider('rate');
const backendChoice = choice('backend');

function chartOf(id: string, title: string): uPlot {
  const lines = contestants.map((name, i) => ({ title: name, color: colors[i]! }));
  const axes = ['step', title] as const;
  return lineChart(elementOf(id), { title, lines, axes, logarithmic: true });
}
const lossChart = chartOf('loss-chart', 'loss of the mini-batch');
const stepSizeChart = chartOf('step-size-chart', 'step size');

/** What the charts have so far: steps, then a column for each contestant. */
interface History {
  readonly steps: number[];
  readonly losses: (number | null)[][];
  readonly stepSizes: (number | null)[][];
}

function emptyHistory(): History {
  return { steps: [], losses: contestants.map(() => []), stepSizes: contestants.map(() => []) };
}

/** A logarithmic axis has no place for 0. */
function positive(value: number | undefined): number | null {
  return value !== undefined && value > 0 ? value : null;
}

function showStep(history: History, step: number, shown: readonly (StepShown | null)[]): void {
  history.steps.push(step);
  shown.forEach((each, i) => {
    history.losses[i]!.push(positive(each?.loss));
    history.stepSizes[i]!.push(positive(each?.stepSize));
    const cell = (name: string, value: number | undefined) => {
      elementOf(`${name}-${i}`).textContent =
        value === undefined ? 'diverged' : value.toPrecision(3);
    };
    cell('loss', each?.loss);
    cell('step-size', each?.stepSize);
  });
  lossChart.setData([history.steps, ...history.losses]);
  stepSizeChart.setData([history.steps, ...history.stepSizes]);
  elementOf('steps').textContent = String(step);
}

async function showAccuracies(contest: Contest): Promise<void> {
  (await contest.accuracies()).forEach((accuracy, i) => {
    elementOf(`accuracy-${i}`).textContent =
      accuracy === null ? 'diverged' : `${(100 * accuracy).toFixed(1)} %`;
  });
}

/** What is under way; another one takes its place by another number. */
let current = 0;
let running: Promise<void> = Promise.resolve();

/** Lets the browser draw and listen. */
function nextFrame(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

async function train(number: number): Promise<void> {
  const contest = new Contest(training, test, powerOfTen(rate));
  const history = emptyHistory();
  try {
    while (number === current && contest.steps < mostSteps) {
      const shown = await contest.step();
      showStep(history, contest.steps, shown);
      if (contest.steps % stepsBetweenTests === 0) await showAccuracies(contest);
      await nextFrame();
    }
  } finally {
    contest.dispose();
  }
}

/** Ends what is under way, and does this next. */
function next(work: (number: number) => Promise<void>): void {
  const number = ++current;
  running = running.then(async () => {
    if (number !== current) return;
    startButton.textContent = 'Stop';
    const steps = elementOf('steps');
    steps.textContent = '0';
    // Tells the trainings apart, whose steps all begin at 0.
    steps.dataset['training'] = String(number);
    elementOf('problem').textContent = '';
    try {
      await work(number);
    } catch (error) {
      elementOf('problem').textContent = String(error);
    }
    if (number === current) startButton.textContent = 'Train';
  });
}

async function useBackend(name: string): Promise<void> {
  await tf.setBackend(name);
  await tf.ready();
  elementOf('backend-used').textContent = tf.getBackend();
}

/** Names the backends that this browser has, and takes the first. */
async function offerBackends(): Promise<void> {
  for (const name of backends) {
    const works = await tf.setBackend(name).catch(() => false);
    if (works) backendChoice.add(new Option(name));
  }
  await useBackend(backendChoice.value);
}

startButton.addEventListener('click', () => {
  if (startButton.textContent === 'Stop') {
    current++;
    startButton.textContent = 'Train';
  } else {
    next(train);
  }
});
rate.addEventListener('input', () => {
  showSlider(rate, String(powerOfTen(rate)));
});
// What was drawn is of another rate or backend.
rate.addEventListener('change', () => {
  next(train);
});
backendChoice.addEventListener('change', () => {
  next(async (number) => {
    await useBackend(backendChoice.value);
    await train(number);
  });
});

showSlider(rate, String(powerOfTen(rate)));
playFigures();
void offerBackends().then(() => {
  startButton.disabled = false;
});
