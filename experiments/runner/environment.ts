import { availableParallelism, cpus } from 'node:os';

import { packageVersion } from '../../lib/platform/version.js';
import { loadQuietly } from '../../lib/platform/tensorflow-messages.js';

/** Environment variables on which TensorFlow's numbers depend. */
const variableNames = [
  'TF_DETERMINISTIC_OPS',
  'TF_ENABLE_ONEDNN_OPTS',
  'TF_NUM_INTRAOP_THREADS',
  'TF_NUM_INTEROP_THREADS',
] as const;

/** Where a run happens, as far as its numbers and its speed depend on it. */
export interface RunEnvironment {
  readonly versions: Readonly<Record<string, string>>;
  readonly machine: { readonly processor: string; readonly logicalProcessors: number };
  /** Environment variables that are set and that TensorFlow's numbers depend on. */
  readonly environment: Readonly<Record<string, string>>;
}

/** First line of a log: all that the numbers after it depend on. */
export interface RunRecord<Configuration, Engine extends string | null> extends RunEnvironment {
  readonly type: 'run';
  readonly configuration: Configuration;
  /** What carried out the optimiser's steps. */
  readonly engine: Engine;
}

/**
 * Sets what makes TensorFlow repeat a run bit for bit and keeps its start-up messages off the
 * terminal; what the user has set stays. TensorFlow reads these variables once, so this has to be
 * called before tfjs-node is imported. docs/training-on-mnist.md says what was measured.
 *
 * @param threads How many threads TensorFlow takes. Default: its own choice.
 */
export function prepareTensorFlowEnvironment(threads?: number): void {
  if (threads !== undefined) {
    process.env['TF_NUM_INTRAOP_THREADS'] ??= String(threads);
    process.env['TF_NUM_INTEROP_THREADS'] ??= String(threads);
  }
  process.env['TF_DETERMINISTIC_OPS'] ??= '1';
  // TensorFlow's default depends on the processor: docs/networks.md says what it costs where it is off.
  process.env['TF_ENABLE_ONEDNN_OPTS'] ??= '1';
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
}

/** Loads tfjs-node without TensorFlow's start-up messages; the environment has to be prepared. */
export async function loadTensorFlow(): Promise<typeof import('@tensorflow/tfjs-node')> {
  return loadQuietly(() => import('@tensorflow/tfjs-node'));
}

/** The environment variables that are set and on which TensorFlow's numbers depend. */
function numericEnvironment(): Record<string, string> {
  return Object.fromEntries(
    variableNames.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** Versions of tfjs-node and of the TensorFlow that it runs on; it loads both. */
async function tensorFlowVersions(): Promise<Record<'tfjs-node' | 'tensorflow', string>> {
  // Imported late, because prepareTensorFlowEnvironment has to be called before.
  const tf = await loadTensorFlow();
  const { binding } = tf.backend() as { binding?: { TF_Version: string } };
  return {
    'tfjs-node': tf.version['tfjs-node'],
    tensorflow: binding?.TF_Version ?? 'unknown',
  };
}

/** Describes this process. What runs on TensorFlow has its versions, too, which loads it. */
export async function describeEnvironment({
  withTensorFlow,
}: {
  readonly withTensorFlow: boolean;
}): Promise<RunEnvironment> {
  return {
    versions: {
      'tfjs-alig': packageVersion,
      node: process.versions.node,
      ...(withTensorFlow ? await tensorFlowVersions() : {}),
    },
    machine: {
      processor: cpus()[0]?.model ?? 'unknown',
      logicalProcessors: availableParallelism(),
    },
    environment: numericEnvironment(),
  };
}
