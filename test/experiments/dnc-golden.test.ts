/** The DNC against what the published code computed. */
import * as tf from '@tensorflow/tfjs-node';
import test, { type ExecutionContext } from 'ava';

import {
  allocationForHeads,
  contentWeights,
  directionalWeights,
  eraseAndWrite,
  type Linkage,
  updateLinkage,
  updateUsage,
} from '../../experiments/dnc/addressing.js';
import { createOptimizer } from 'tfjs-alig';
import { type DncState, runDnc, zeroState } from '../../experiments/dnc/core.js';
import { sequenceLoss } from '../../experiments/dnc/loss.js';
import { type DncParameters, parameterShapes } from '../../experiments/dnc/parameters.js';
import { type GoldenNetwork, goldenNetworks } from '../support/golden-models.js';
import { tensorsAdded } from '../support/tensor-count.js';
import { assertWithin, batchOf, inputOf, parametersOf, sizesOf } from './dnc-cases.js';

const steps = [0, 1, 2];

/** The gradients as a step of SGD at rate 1 takes them off parameters that are 0. */
function clipInStep(gradients: Readonly<Record<string, tf.Tensor>>, maxGradientNorm: number) {
  const optimizer = createOptimizer('sgd', { learningRate: 1, maxGradientNorm });
  const entries = Object.entries(gradients).map(([name, gradient]) => ({
    name,
    gradient,
    variable: tf.variable(tf.zerosLike(gradient)),
  }));
  optimizer.applyGradients(
    entries.map(({ gradient, variable }) => ({ name: variable.name, tensor: gradient })),
  );
  const norm = optimizer.lastStep!.gradientNorm;
  const clipped = Object.fromEntries(entries.map(({ name, variable }) => [name, variable.neg()]));
  tf.dispose(entries.map(({ variable }) => variable));
  optimizer.dispose();
  return { norm, clipped };
}

/** A test for each recorded case of a kind, which has to leave no tensors behind. */
function testRecorded(kind: string, check: (t: ExecutionContext, model: GoldenNetwork) => void) {
  for (const model of goldenNetworks(kind)) {
    test.serial(`${model.id} is as recorded`, (t) => {
      const added = tensorsAdded(() => {
        tf.tidy(() => {
          check(t, model);
        });
      });
      t.is(added, 0);
    });
  }
}

testRecorded('dnc-cosine', (t, model) => {
  for (const step of steps) {
    const input = (name: string) => inputOf(model, `${name}:${step}`);
    const memory = input('memory');
    const keys = input('keys');
    const strengths = input('strengths');
    assertWithin(t, model, `weights:${step}`, contentWeights(memory, keys, strengths));
    const gradients = tf.grads((...[m, k, s]: tf.Tensor[]) =>
      contentWeights(m!, k!, s!).mul(input('coef')).sum(),
    )([memory, keys, strengths]);
    ['memory', 'keys', 'strengths'].forEach((name, index) => {
      assertWithin(t, model, `grad_${name}:${step}`, gradients[index]!);
    });
  }
});

testRecorded('dnc-linkage', (t, model) => {
  let linkage: Linkage = {
    link: inputOf(model, 'link:init'),
    precedence: inputOf(model, 'precedence:init'),
  };
  for (const step of steps) {
    linkage = updateLinkage(inputOf(model, `write_weights:${step}`), linkage);
    assertWithin(t, model, `link:${step}`, linkage.link);
    assertWithin(t, model, `precedence:${step}`, linkage.precedence);
    const readWeights = inputOf(model, `prev_read_weights:${step}`);
    for (const direction of ['forward', 'backward']) {
      const weights = directionalWeights(linkage.link, readWeights, direction === 'forward');
      assertWithin(t, model, `${direction}:${step}`, weights);
    }
  }
});

testRecorded('dnc-freeness', (t, model) => {
  let usage = inputOf(model, 'usage:init');
  const names = ['write_weights', 'free_gate', 'read_weights', 'write_gates', 'prev_usage'];
  for (const step of steps) {
    const input = (name: string) => inputOf(model, `${name}:${step}`);
    const current = usage;
    const values = names.map((name) => (name === 'prev_usage' ? current : input(name)));
    const compute = (...[written, free, read, gates, previous]: tf.Tensor[]) => {
      const next = updateUsage(written!, free!, read!, previous!);
      return { next, allocation: allocationForHeads(next, gates!) };
    };
    const { next, allocation } = compute(...values);
    assertWithin(t, model, `usage:${step}`, next);
    assertWithin(t, model, `allocation:${step}`, allocation);
    const gradients = tf.grads((...inputs: tf.Tensor[]) => {
      const computed = compute(...inputs);
      // tfjs refuses a variable that the result does not depend on, as the gates of a last head.
      const everyInput = inputs.reduce((sum, value) => sum.add(value.sum().mul(0)), tf.scalar(0));
      return computed.next
        .mul(input('coef_u'))
        .sum()
        .add(computed.allocation.mul(input('coef_a')).sum())
        .add(everyInput);
    })(values);
    names.forEach((name, index) => {
      assertWithin(t, model, `grad_${name}:${step}`, gradients[index]!);
    });
    usage = next;
  }
});

testRecorded('dnc-erase-write', (t, model) => {
  let memory = inputOf(model, 'memory:init');
  for (const step of steps) {
    const input = (name: string) => inputOf(model, `${name}:${step}`);
    memory = eraseAndWrite(memory, input('address'), input('erase'), input('values'));
    assertWithin(t, model, `memory:${step}`, memory);
  }
});

/** Names of the state in the recorded cases. */
const stateNames: Readonly<Record<keyof DncState, string>> = {
  memory: 'memory',
  readWeights: 'read_weights',
  writeWeights: 'write_weights',
  link: 'link',
  precedence: 'precedence',
  usage: 'usage',
  controllerHidden: 'controller_hidden',
  controllerCell: 'controller_cell',
  readWords: 'access_output',
};
const stateEntries = Object.entries(stateNames) as [keyof DncState, string][];

/** The last axis, or all from the third on, sorted: the same for every order of the slots. */
function sorted(tensor: tf.Tensor, rowLength: number): Float32Array {
  const values = Float32Array.from(tensor.dataSync());
  for (let start = 0; start < values.length; start += rowLength) {
    values.subarray(start, start + rowLength).sort();
  }
  return values;
}

/** What of the last state does not depend on the order of the slots. */
function assertInvariants(
  t: ExecutionContext,
  model: GoldenNetwork,
  state: DncState,
  names: readonly (keyof DncState)[],
): void {
  const slots = model.config['memory_size']!;
  for (const name of names) {
    const invariant =
      name === 'memory'
        ? state.memory.matMul(state.memory, true, false)
        : sorted(state[name], name === 'link' ? slots * slots : slots);
    assertWithin(t, model, `invariant:${stateNames[name]}`, invariant);
  }
}

testRecorded('dnc-core', (t, model) => {
  const sizes = sizesOf(model);
  const zero = zeroState(sizes, model.config['batch']!);
  const slotsAreFree = model.slot_dependent !== undefined;
  const initialState = slotsAreFree
    ? zero
    : (Object.fromEntries(
        stateEntries.map(([key, name]) => [key, inputOf(model, `state:${name}:init`)]),
      ) as unknown as DncState);
  const x = inputOf(model, 'x');
  const { outputs, states } = runDnc(sizes, parametersOf(model), x, initialState);
  assertWithin(t, model, 'outputs', outputs);
  states.forEach((state, step) => {
    for (const [key, name] of stateEntries) {
      const recordedName = `state:${name}:${step}`;
      // From the zero state slots tie in usage, and the last bit says which is written to.
      if (!model.slot_dependent?.includes(recordedName)) {
        assertWithin(t, model, recordedName, state[key]);
      }
    }
  });
  if (slotsAreFree) {
    assertInvariants(t, model, states.at(-1)!, [
      'memory',
      'readWeights',
      'writeWeights',
      'link',
      'precedence',
      'usage',
    ]);
  }
});

testRecorded('dnc-train', (t, model) => {
  const sizes = sizesOf(model);
  const parameters = parametersOf(model);
  const names = parameterShapes(sizes).map(({ name }) => name);
  t.deepEqual(
    parameterShapes(sizes).map(({ name, shape }) => [`dnc/${name}`, shape]),
    Object.entries(model.params).map(([name, { shape }]) => [name, shape]),
  );
  const count = Object.values(parameters).reduce((sum, { size }) => sum + size, 0);
  t.is(count, model.n_params);

  const batch = batchOf(model);
  const x = inputOf(model, 'observations');
  const { outputs, states } = runDnc(sizes, parameters, x, zeroState(sizes, batch.batchSize));
  assertWithin(t, model, 'logits', outputs);
  assertInvariants(t, model, states.at(-1)!, ['memory', 'readWeights', 'writeWeights', 'usage']);

  const { value, grads } = tf.valueAndGrads((...tensors: tf.Tensor[]) =>
    sequenceLoss(
      sizes,
      Object.fromEntries(names.map((name, index) => [name, tensors[index]])) as DncParameters,
      batch,
    ),
  )(names.map((name) => parameters[name]));
  assertWithin(t, model, 'cost', value);
  const gradients = Object.fromEntries(names.map((name, index) => [name, grads[index]!]));
  const { norm, clipped } = clipInStep(gradients, model.config['max_grad_norm']!);
  assertWithin(t, model, 'global_norm', [norm]);
  const clippedNorm = Math.hypot(
    ...Object.values(clipped).map((each) => each.norm().dataSync()[0]!),
  );
  assertWithin(t, model, 'global_norm_clipped', [clippedNorm]);
  for (const name of names) {
    assertWithin(t, model, `grad:dnc/${name}`, gradients[name]!);
    assertWithin(t, model, `norm:dnc/${name}`, gradients[name]!.norm());
    assertWithin(t, model, `norm_clipped:dnc/${name}`, clipped[name]!.norm());
  }
});
