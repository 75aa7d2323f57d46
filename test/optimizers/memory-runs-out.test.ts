/** Steps that the system has no memory for: they are made whole or not at all, and say what to do. */
import '../support/without-addon.js';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';
import { referenceStep } from '../../lib/engines/reference.js';
import { firstDifference } from '../support/engine-comparison.js';
import { dataOf } from '../step-cases/data.js';
import type { StepCase } from '../step-cases/step-case.js';
import { stepCases } from '../step-cases/table.js';

const packageRoot = fileURLToPath(new URL('../../../', import.meta.url));
const onLinux = process.platform === 'linux' ? test.serial : test.serial.skip;

/** Calls fn with typed arrays of which the one after so many fails to be allocated. */
function withFewArrays<Result>(allocations: number, fn: () => Result): Result {
  let left = allocations;
  const names = ['Float32Array', 'Float64Array', 'Int32Array'] as const;
  const original = names.map((name) => globalThis[name]);
  names.forEach((name, i) => {
    Object.assign(globalThis, {
      [name]: new Proxy(original[i]!, {
        construct(Class, given) {
          if (left-- === 0) throw new RangeError('Array buffer allocation failed');
          return Reflect.construct(Class, given) as object;
        },
      }),
    });
  });
  try {
    return fn();
  } finally {
    names.forEach((name, i) => Object.assign(globalThis, { [name]: original[i] }));
  }
}

test.serial('the reference allocates nothing after its first write', (t) => {
  let faults = 0;
  const isSmall = ({ sizes }: StepCase) => sizes.length > 0 && Math.max(...sizes) <= 1025;
  for (const stepCase of stepCases.filter(isSmall)) {
    const before = dataOf(stepCase);
    for (let allocations = 0; ; allocations++) {
      const { parameters, gradients, state } = dataOf(stepCase);
      try {
        withFewArrays(allocations, () =>
          referenceStep(parameters, gradients, state, stepCase.loss, stepCase.step),
        );
        break;
      } catch (error) {
        t.true(error instanceof RangeError, String(error));
        faults++;
        t.is(firstDifference(parameters, before.parameters), undefined, stepCase.title);
        t.is(firstDifference(state, before.state), undefined, stepCase.title);
      }
    }
  }
  t.true(faults > 100, String(faults));
});

/** Fills what the process may have, and steps until a step fails; prints what it found. */
const untilMemoryIsOut = `
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-node';
import { AliG } from 'tfjs-alig';
const make = (size) => tf.tidy(() => tf.variable(tf.zeros([size])));
const stepOf = (variable, optimizer) => tf.tidy(() =>
  optimizer.applyGradients({ [variable.name]: tf.fill(variable.shape, 0.01) }, { loss: 1 }));
// Two sets of buffers, one of which is unused when the variable is gone.
const old = make(20_000_000);
const first = new AliG({ maxLearningRate: 0.1, momentum: 0 });
for (let i = 0; i < 3; i++) stepOf(old, first);
const variable = make(50_000_000);
const optimizer = new AliG({ maxLearningRate: 0.1, momentum: 0.9 });
stepOf(variable, optimizer);
const gradient = tf.fill(variable.shape, 0.01);
const read = async () => {
  const [, velocity] = await optimizer.getWeights();
  return [variable.dataSync()[0], velocity.tensor.dataSync()[0], optimizer.iterations];
};
const before = await read();
// From here on the process may have 2 GB more, whatever TensorFlow's threads have taken. The ballast
// leaves less than a step needs and enough for JavaScript's heap, which ends the process without.
const used = Number(/^VmSize:\\s+(\\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]);
execFileSync('prlimit', ['--pid', String(process.pid), '--as=' + (used * 1024 + 2e9)]);
const ballast = [];
try { for (;;) ballast.push(tf.zeros([35_000_000])); } catch {}
let message = null, taken = 0;
const more = [];
try {
  for (; taken < 40; taken++) {
    // Each step's old values are kept, so that each needs a buffer of its own.
    more.push(tf.clone(variable));
    optimizer.applyGradients({ [variable.name]: gradient }, { loss: 1 });
  }
} catch (error) { message = error.message; }
const kept = more.pop();
kept.dispose();
for (const tensor of [...ballast, ...more]) tensor.dispose();
const after = await read();
optimizer.applyGradients({ [variable.name]: gradient }, { loss: 1 });
console.log(JSON.stringify({ message, taken, before, after, then: await read() }));
`;

onLinux('a step that the op has no memory for changes nothing and says so', async (t) => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module', '--eval', untilMemoryIsOut],
    { cwd: packageRoot, env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '2' } },
  );
  const line = stdout.split('\n').find((text) => text.startsWith('{'));
  const { message, taken, before, after, then } = JSON.parse(line!) as {
    message: string | null;
    taken: number;
    before: number[];
    after: number[];
    then: number[];
  };
  t.regex(
    message ?? '',
    /^The step was not made: the step asked for 200000000 bytes \(200 MB\) .* dispose of tensors/s,
  );
  t.is(after[2], before[2]! + taken);
  if (taken === 0) t.deepEqual(after, before);
  // The velocity has moved as many times as steps were counted, and once more: the step size is
  // 1 / (50,000,000 * 0.01^2), and a step that was half made would have added to it.
  t.is(then[2], after[2]! + 1);
  const velocity = Math.fround(Math.fround(0.9) * after[1]!);
  t.true(Math.abs(then[1]! - (velocity - 0.01 / 5000)) < 1e-9, JSON.stringify({ after, then }));
});
