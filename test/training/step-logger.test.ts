/** What stepLogger puts into the logs of model.fit and into TensorBoard. */
import * as tf from '@tensorflow/tfjs-node';
import { ProgbarLogger, progressBarHelper } from '@tensorflow/tfjs-node/dist/callbacks.js';
import test from 'ava';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AliG,
  crossEntropy,
  l2Ball,
  learningRateScheduler,
  NonFiniteError,
  PlateauDecay,
  stepLogger,
  type StepReport,
  type SummaryWriter,
} from '../../lib/index.js';
import { lazyReport } from '../../lib/rules/lazy-report.js';
import { backendNames, useBackend } from '../support/backends.js';
import { tensorCount } from '../support/tensor-count.js';
import { examples } from './classifier.js';

test.serial.beforeEach(async () => {
  await useBackend('tensorflow');
});

/** No progress bar. */
const quiet = { verbose: 0 } as const;
const names = ['stepSize', 'gradientNorm', 'parameterNorm', 'clippedShare', 'projectedShare'];

interface Written {
  readonly name: string;
  readonly value: number;
  readonly step: number;
}

/** A writer that remembers. */
class RecordingWriter implements SummaryWriter {
  readonly written: Written[] = [];
  flushes = 0;

  scalar(name: string, value: number, step: number): void {
    this.written.push({ name, value, step });
  }

  flush(): void {
    this.flushes++;
  }

  /** The values of one name, by step. */
  series(name: string): [number, number][] {
    return this.written
      .filter((entry) => entry.name === name)
      .map(({ step, value }) => [step, value]);
  }
}

function compiled(constraint: ReturnType<typeof l2Ball> | null = null) {
  const kernelInitializer = tf.initializers.glorotUniform({ seed: 1 });
  const model = tf.sequential({
    layers: [tf.layers.dense({ units: 3, inputShape: [4], kernelInitializer })],
  });
  const optimizer = new AliG({ maxLearningRate: 0.3, constraint });
  model.compile({ optimizer, loss: crossEntropy });
  const { inputs, labels } = examples(20);
  const oneHot = tf.oneHot(labels, 3);
  labels.dispose();
  return { model, optimizer, inputs, oneHot };
}

for (const backend of backendNames) {
  test.serial(`the logs have the means and shares of each epoch (${backend})`, async (t) => {
    await useBackend(backend);
    const { model, optimizer, inputs, oneHot } = compiled(l2Ball(1.2));
    const writer = new RecordingWriter();
    const reports: StepReport[][] = [];
    const record = {
      onEpochBegin: () => {
        reports.push([]);
      },
      onBatchEnd: () => {
        reports.at(-1)!.push({ ...optimizer.lastStep! });
      },
    };
    const fit = (epochs: number) =>
      model.fit(inputs, oneHot, {
        batchSize: 6,
        epochs,
        ...quiet,
        callbacks: [record, stepLogger(optimizer, { tensorBoard: writer })],
      });
    const { history } = await fit(3);
    const before = tensorCount();
    t.is(reports.flat().length, 12);
    reports.forEach((epoch, i) => {
      const mean = (value: (report: StepReport) => number) =>
        epoch.reduce((sum, report) => sum + value(report), 0) / epoch.length;
      const expected = [
        mean(({ stepSize }) => stepSize),
        mean(({ gradientNorm }) => gradientNorm),
        mean(({ parameterNorm }) => parameterNorm),
        mean(({ clipped }) => Number(clipped)),
        mean(({ projected }) => Number(projected)),
      ];
      t.deepEqual(
        names.map((name) => history[name]![i]),
        expected,
      );
    });
    t.true((history['clippedShare'] as number[]).some((share) => share > 0));
    t.true((history['projectedShare'] as number[]).some((share) => share > 0));

    const all = reports.flat();
    for (const field of ['loss', 'stepSize', 'gradientNorm', 'parameterNorm'] as const) {
      t.deepEqual(
        writer.series(`step/${field}`),
        all.map((report, i) => [i + 1, report[field]]),
      );
    }
    t.deepEqual(
      writer.series('step/projected'),
      all.map(({ projected }, i) => [i + 1, Number(projected)]),
    );
    t.true(writer.flushes >= 3);
    await fit(1);
    t.is(writer.series('step/loss').at(-1)![0], 16, 'goes on at the iterations of the optimiser');
    t.is(tensorCount(), before);
    optimizer.dispose();
    model.dispose();
    tf.dispose([inputs, oneHot]);
  });
}

test.serial(
  'the progress bar and TensorBoard show the values when they come after it',
  async (t) => {
    const { model, optimizer, inputs, oneHot } = compiled();
    const folder = await mkdtemp(join(tmpdir(), 'step-logger-'));
    const lines: string[] = [];
    const { log } = progressBarHelper;
    progressBarHelper.log = (line: string) => {
      lines.push(line);
    };
    try {
      await model.fit(inputs, oneHot, {
        batchSize: 5,
        epochs: 2,
        ...quiet,
        callbacks: [
          new tf.CustomCallback(
            stepLogger(optimizer, {
              tensorBoard: tf.node.summaryFileWriter(join(folder, 'steps')),
            }),
          ),
          new ProgbarLogger(),
          tf.node.tensorBoard(join(folder, 'epochs')),
        ],
      });
    } finally {
      progressBarHelper.log = log;
    }
    const shown = lines.filter((line) => line.includes('loss='));
    t.is(shown.length, 2);
    for (const line of shown) {
      for (const name of names) t.regex(line, new RegExp(`\\b${name}=\\d`));
    }
    const eventsIn = async (...path: string[]) => {
      const directory = join(folder, ...path);
      const [file] = await readdir(directory);
      return readFile(join(directory, file!), 'latin1');
    };
    const steps = await eventsIn('steps');
    const epochs = await eventsIn('epochs', 'train');
    const occurrences = (text: string, tag: string) => text.split(tag).length - 1;
    t.is(occurrences(steps, 'step/gradientNorm'), 8);
    t.is(occurrences(epochs, 'epoch_clippedShare'), 2);
    await rm(folder, { recursive: true });
  },
);

/** An optimiser on a device that answers later. */
function deferredOptimizer() {
  let reads = 0;
  const optimizer = {
    lastStep: null as StepReport | null,
    iterations: 4,
    step(loss: number, status: StepReport['status'] = 'taken') {
      optimizer.lastStep = lazyReport('portable', () => {
        reads++;
        return {
          loss,
          stepSize: loss / 10,
          unclippedStepSize: loss > 1 ? null : 2 * loss,
          gradientNorm: 2,
          parameterNorm: 3,
          clipped: loss > 1,
          projected: false,
          belowLowerBound: false,
          status,
          engine: 'portable',
        };
      }).report;
    },
    reads: () => reads,
  };
  return optimizer;
}

test('on a device that answers later nothing is read before the end of an epoch', (t) => {
  const optimizer = deferredOptimizer();
  const writer = new RecordingWriter();
  const logger = stepLogger(optimizer, { tensorBoard: writer });
  t.false(Object.hasOwn(logger, 'onBatchEnd'), 'tfjs-layers waits for the loss before it');
  logger.onTrainBegin();
  for (const loss of [4, 1]) {
    logger.onBatchBegin();
    optimizer.step(loss);
  }
  t.is(optimizer.reads(), 0);
  const logs: Record<string, number> = { loss: 2.5 };
  logger.onEpochEnd(0, logs);
  t.is(optimizer.reads(), 2);
  t.deepEqual(logs, {
    loss: 2.5,
    stepSize: 0.25,
    gradientNorm: 2,
    parameterNorm: 3,
    clippedShare: 0.5,
    projectedShare: 0,
  });
  t.deepEqual(writer.series('step/loss'), [
    [5, 4],
    [6, 1],
  ]);
  t.deepEqual(writer.series('step/unclippedStepSize'), [[6, 2]], 'an infinite one is left out');

  logger.onBatchBegin();
  optimizer.step(1, 'gradientNotFinite');
  t.throws(
    () => {
      logger.onEpochEnd(1, logs);
    },
    { instanceOf: NonFiniteError, message: /a gradient is not finite/ },
  );
});

test('a first epoch of a second training counts its own steps', (t) => {
  const optimizer = deferredOptimizer();
  const logger = stepLogger(optimizer);
  optimizer.step(8);
  logger.onTrainBegin();
  optimizer.step(2);
  const logs: Record<string, number> = {};
  logger.onEpochEnd(0, logs);
  t.is(logs['stepSize'], 0.2);
});

test.serial('where the data run out, the training ends as tfjs ends it', async (t) => {
  const { model, optimizer, inputs, oneHot } = compiled();
  const data = tf.data
    .zip({ xs: tf.data.array(tf.unstack(inputs)), ys: tf.data.array(tf.unstack(oneHot)) })
    .batch(inputs.shape[0]);
  // tfjs-data's datasets are not typed as what tfjs-layers takes.
  const fitDataset = model.fitDataset.bind(model) as (
    dataset: unknown,
    options: object,
  ) => Promise<tf.History>;
  const { warn } = console;
  console.warn = () => undefined;
  try {
    const callbacks = stepLogger(optimizer);
    const { history } = await fitDataset(data, {
      ...quiet,
      epochs: 3,
      batchesPerEpoch: 1,
      callbacks,
    });
    t.is(history['stepSize']!.length, 1);
  } finally {
    console.warn = warn;
  }
});

test.serial('bad input: errors name argument, value and remedy', async (t) => {
  const { model, inputs, oneHot } = compiled();
  const rows: [unknown, unknown, RegExp][] = [
    [tf.train.sgd(0.1), {}, /optimizer must be one that reports its steps .* AliG, not an object/],
    [null, {}, /optimizer must be .* not null/],
    [new AliG({ maxLearningRate: 1 }), { tensorboard: null }, /did you mean 'tensorBoard'/],
    [
      new AliG({ maxLearningRate: 1 }),
      { tensorBoard: 'logs' },
      /summaryFileWriter\(folder\).*'logs'/,
    ],
  ];
  for (const [optimizer, options, message] of rows) {
    t.throws(() => stepLogger(optimizer as AliG, options as object), {
      instanceOf: TypeError,
      message,
    });
  }
  const other = stepLogger(new AliG({ maxLearningRate: 1 }));
  await t.throwsAsync(model.fit(inputs, oneHot, { ...quiet, callbacks: other }), {
    message: /made no step in this epoch; give the one that the model is compiled with/,
  });
});

test.serial(
  'it stands in a list with callbacks of tfjs-layers, and those see its values',
  async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'tfjs-alig-list-'));
    const { model, optimizer, inputs, oneHot } = compiled();
    const plateau = new PlateauDecay({ learningRate: 0.1, mode: 'min' });
    const { history } = await model.fit(inputs, oneHot, {
      ...quiet,
      epochs: 3,
      batchSize: 1,
      validationData: [inputs, oneHot],
      callbacks: [
        stepLogger(optimizer),
        learningRateScheduler(optimizer, { plateau, monitor: 'val_loss' }),
        tf.node.tensorBoard(folder),
        tf.callbacks.earlyStopping({ monitor: 'loss', patience: 5 }),
      ] as unknown as tf.CustomCallback[],
    });
    t.is(history['stepSize']!.length, 3);
    t.is(plateau.getState().best, Math.min(...(history['val_loss'] as number[])));
    const [train] = await readdir(join(folder, 'train'));
    t.regex((await readFile(join(folder, 'train', train!))).toString('latin1'), /stepSize/);
    await rm(folder, { recursive: true });
  },
);

test.serial(
  'alone it is no plain object that tfjs wraps, and fit yields to the event loop',
  async (t) => {
    const { model, optimizer, inputs, oneHot } = compiled();
    let isThere = false;
    setImmediate(() => {
      isThere = true;
    });
    const callbacks = stepLogger(optimizer);
    const start = Date.now();
    while (Date.now() - start < 500) {
      await model.fit(inputs, oneHot, { ...quiet, batchSize: 1, callbacks });
    }
    t.true(isThere);
  },
);
