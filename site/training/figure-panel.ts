/** Figures 1 and 2 of the paper to play with: steps on a function of one parameter. */
import uPlot from 'uplot';
import { fusedAliGStep } from 'tfjs-alig';
import * as figure1 from '../../experiments/figure-1/objective.js';
import * as figure2 from '../../experiments/figure-2/objective.js';
import { lineChart } from './line-chart.js';
import { choice, elementOf, powerOfTen, showSlider, slider } from './controls.js';

interface Figure {
  /** The ids of its elements begin with it. */
  readonly id: string;
  readonly title: string;
  readonly range: readonly [number, number];
  /** w_0, and the exponent of the maximal learning rate, to begin with. */
  readonly start: number;
  readonly rate: number;
  readonly value: (w: number) => number;
  readonly derivative: (w: number) => number;
}

const figures: readonly Figure[] = [
  {
    id: 'figure-1',
    title: 'f(w) = exp(w) - w - 1, convex',
    range: [-2, 2.5],
    start: figure1.start,
    rate: -0.5,
    value: (w) => figure1.objective(w, 0),
    derivative: figure1.derivative,
  },
  {
    id: 'figure-2',
    title: 'a function with flat slopes, not convex',
    range: [-4, 4],
    start: figure2.start,
    rate: 0.5,
    value: figure2.objective,
    derivative: figure2.derivative,
  },
];

const shownSteps = 30;
const pointsOfCurve = 240;

/** w_0, w_1, ... by the package's own step; without a maximal learning rate it is the Polyak step. */
export function iteratesOf(
  { value, derivative }: Pick<Figure, 'value' | 'derivative'>,
  start: number,
  maxLearningRate: number | null,
): number[] {
  const parameter = Float32Array.of(start);
  const iterates = [parameter[0]!];
  for (let step = 0; step < shownSteps; step++) {
    const w = parameter[0]!;
    const gradient = Float32Array.of(derivative(w));
    // At the minimum: there is no direction to step along.
    if (gradient[0] === 0) break;
    fusedAliGStep({
      parameters: [parameter],
      gradients: [gradient],
      loss: value(w),
      maxLearningRate,
      epsilon: 0,
    });
    iterates.push(parameter[0]!);
  }
  return iterates;
}

function sorted(points: readonly (readonly [number, number])[]): [number[], number[]] {
  const inOrder = [...points].sort(([a], [b]) => a - b);
  return [inOrder.map(([x]) => x), inOrder.map(([, y]) => y)];
}

/** The tangent at w down to the plane z = 0, which is where the Polyak step lands. */
function tangentAt({ value, derivative }: Figure, w: number): [number, number][] {
  const slope = derivative(w);
  return slope === 0
    ? [[w, value(w)]]
    : [
        [w, value(w)],
        [w - value(w) / slope, 0],
      ];
}

/** Puts a copy of the page's template at the end of its figures, and gives its parts their ids. */
function addPanel(id: string): void {
  const template = elementOf('figure') as HTMLTemplateElement;
  const panel = template.content.cloneNode(true) as DocumentFragment;
  for (const part of panel.querySelectorAll<HTMLElement>('[data-part]')) {
    part.id = `${id}-${part.dataset['part']!}`;
  }
  elementOf('figures').append(panel);
}

function playFigure(figure: Figure): void {
  const { id, range, value } = figure;
  addPanel(id);
  const chart = lineChart(elementOf(`${id}-chart`), {
    title: figure.title,
    axes: ['w', 'f(w)'],
    lines: [
      { title: 'f', color: '#888' },
      { title: 'linearisation at w0', color: '#c0392b', dashed: true },
      { title: 'w0, w1, w2, ...', color: '#1f77b4', points: true },
    ],
  });
  const start = slider(`${id}-start`);
  const rate = slider(`${id}-rate`);
  const rule = choice(`${id}-rule`);
  [start.min, start.max] = range.map(String) as [string, string];
  start.value = String(figure.start);
  rate.value = String(figure.rate);
  const draw = () => {
    const polyak = rule.value === 'polyak';
    rate.disabled = polyak;
    showSlider(start, start.value);
    showSlider(rate, polyak ? 'none' : String(powerOfTen(rate)));
    const iterates = iteratesOf(figure, Number(start.value), polyak ? null : powerOfTen(rate));
    const [left, right] = range;
    const curve = Array.from({ length: pointsOfCurve + 1 }, (_, i): [number, number] => {
      const w = left + ((right - left) * i) / pointsOfCurve;
      return [w, value(w)];
    });
    const inside = iterates.filter((w) => w >= left && w <= right);
    const points = [...new Set(inside)].map((w): [number, number] => [w, value(w)]);
    const tangent = tangentAt(figure, iterates[0]!).filter(([w]) => w >= left && w <= right);
    chart.setData(uPlot.join([sorted(curve), sorted(tangent), sorted(points)]));
    elementOf(`${id}-outcome`).textContent =
      `After ${iterates.length - 1} steps: w = ${iterates.at(-1)!.toPrecision(4)}, ` +
      `f(w) = ${value(iterates.at(-1)!).toPrecision(3)}`;
  };
  for (const control of [start, rate, rule]) control.addEventListener('input', draw);
  draw();
}

export function playFigures(): void {
  for (const figure of figures) playFigure(figure);
}
