/** Environment variables on which TensorFlow's numbers depend. */
const variableNames = [
  'TF_DETERMINISTIC_OPS',
  'TF_ENABLE_ONEDNN_OPTS',
  'TF_NUM_INTRAOP_THREADS',
  'TF_NUM_INTEROP_THREADS',
] as const;

/**
 * Sets what makes TensorFlow repeat a run bit for bit and keeps its start-up messages off the
 * terminal; what the user has set stays. TensorFlow reads these variables once, so this has to be
 * called before tfjs-node is imported. docs/training-on-mnist.md says what was measured.
 */
export function prepareTensorFlowEnvironment(): void {
  process.env['TF_DETERMINISTIC_OPS'] ??= '1';
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
}

/** The environment variables that are set and on which TensorFlow's numbers depend. */
export function numericEnvironment(): Record<string, string> {
  return Object.fromEntries(
    variableNames.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
