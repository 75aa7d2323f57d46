/** What a reader of curves.svg sees. */
import test from 'ava';
import { drawChart } from '../../experiments/mnist/chart.js';

type Content = Parameters<typeof drawChart>[0];

function labels(svg: string): string[] {
  return [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) => text!);
}

/** The chart of a training with these losses and, after the last step, this accuracy. */
function drawn(losses: readonly number[], testAccuracy: number | null): Promise<string> {
  return drawChart({
    title: 'MNIST',
    subtitle: [],
    steps: losses.map((loss, i) => ({ epoch: 1, step: i + 1, loss, stepSize: 0.1 })),
    epochs: testAccuracy === null ? [] : [{ epoch: 1, testAccuracy }],
    batchSize: 128,
  } as unknown as Content);
}

test('losses that lie together have an axis with numbers, which is said to be logarithmic', async (t) => {
  const texts = labels(await drawn([2.31, 2.29, 2.33], 0.6976));
  t.true(texts.includes('2') && texts.includes('5'), texts.join(' '));
  t.true(texts.includes('Training loss: every step and mean of 3 steps, logarithmic'));
});

test('the axis begins at a number below the smallest loss that is drawn', async (t) => {
  const texts = labels(await drawn([2.3, 0.6, 0, Infinity], null));
  t.true(texts.includes('0.5'), texts.join(' '));
  t.false(texts.some((text) => /NaN|Infinity/.test(text)));
});

test('an axis of accuracies has whole percents, also of a single epoch', async (t) => {
  for (const accuracy of [0.6976, 0, 1]) {
    const texts = labels(await drawn([1], accuracy));
    t.false(
      texts.some((text) => /\.\d{3}/.test(text)),
      texts.join(' '),
    );
    t.true(texts.includes((100 * accuracy).toFixed(2)));
    t.true(texts.includes(String(Math.floor(100 * accuracy))), texts.join(' '));
  }
});
