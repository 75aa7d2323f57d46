/** The recorded tapes, replayed by the reference in TypeScript: the process has no add-on. */
import '../support/without-addon.js';
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import test from 'ava';
import { goldenCases, type Tape } from '../support/golden.js';
import { constructionProblems, playOnBackend, replay } from '../support/golden-replay.js';

for (const tape of goldenCases<Tape>('tape')) {
  test.serial(`${tape.id} on typescript, backend cpu`, async (t) => {
    const tensorsBefore = tf.memory().numTensors;
    const player = await playOnBackend(tape, 'cpu');
    t.deepEqual(constructionProblems(tape, player), []);
    t.deepEqual(await replay(tape, player, 'typescript'), []);
    player.dispose();
    t.is(tf.memory().numTensors, tensorsBefore);
  });
}
