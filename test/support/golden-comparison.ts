/**
 * The recorded trajectories of test/golden and the rules by which results are compared with them
 * (see FORMAT.md there). Without Node's modules: the tests in a browser compare by the same rules.
 */
type RecordedNumber = number | 'NaN' | 'Infinity' | '-Infinity';

/** Hyper-parameters by their recorded names. */
export type RecordedSettings = Readonly<Record<string, number | boolean | string | null>>;

interface Tolerance {
  readonly absolute: number;
  readonly relative: number;
  readonly relativeStepSize?: number;
}

interface Parameter {
  readonly name: string;
  readonly shape: number[];
  readonly initial: string;
  readonly group?: number;
}

interface Case {
  readonly id: string;
  readonly optimizer: string;
  readonly tags: readonly string[];
  readonly hyperParameters: RecordedSettings;
  readonly parameters: readonly Parameter[];
  readonly tolerance: Tolerance;
}

/** A recorded state: an array for each parameter, or one number. */
export type RecordedState = readonly (string | null)[] | RecordedNumber;

export interface Tape extends Case {
  readonly kind: 'tape';
  readonly groups?: readonly RecordedSettings[];
  readonly afterConstruction?: { readonly parameters: readonly string[] };
  readonly steps: readonly {
    readonly loss: number;
    readonly optimalValue?: number;
    readonly gradients: readonly (string | null)[];
    readonly expected: {
      readonly parameters: readonly string[];
      readonly stepSize?: RecordedNumber;
      readonly stepSizeUnclipped?: RecordedNumber;
      readonly groupStepSizes?: readonly RecordedNumber[];
      readonly state?: Readonly<Record<string, RecordedState>>;
    };
  }[];
}

/** Settings that the published constructors refuse. */
export interface ConstructionErrors {
  readonly kind: 'constructionError';
  readonly rows: readonly {
    readonly optimizer: string;
    readonly hyperParameters: RecordedSettings;
  }[];
}

export interface Trajectory extends Case {
  readonly kind: 'trajectory';
  readonly problem: {
    readonly model: 'linear' | 'mlp';
    readonly loss: string;
    readonly inputs: { readonly shape: [number, number]; readonly values: string };
    readonly labels: readonly number[];
    readonly classes: number;
  };
  readonly steps: readonly { readonly loss: number; readonly stepSize?: number }[];
  readonly checkpoints: readonly {
    readonly afterStep: number;
    readonly parameters: readonly string[];
  }[];
  readonly finalLoss: number;
}

/** The array that a base64 string holds. */
export function decode(text: string): Float32Array {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}

/** An array as {@link decode} reads it: two texts are equal where all bits are. */
export function encode(values: Float32Array): string {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
}

/** Recorded hyper-parameters that are no settings of this package, by optimiser. */
const noSettings: Readonly<Record<string, readonly string[]>> = {
  // Which published flavour clips the step size at 0; here every step size is.
  alig: ['lowerClip'],
};

/** Hyper-parameters as createOptimizer takes them. */
export function hyperParametersOf({ optimizer, hyperParameters }: Case): RecordedSettings {
  const left = noSettings[optimizer] ?? [];
  return Object.fromEntries(
    Object.entries(hyperParameters).filter(([name]) => !left.includes(name)),
  );
}

/** Largest finite magnitude of some arrays: S in FORMAT.md. */
function magnitude(arrays: readonly (string | null | undefined)[]): number {
  let largest = 0;
  for (const text of arrays) {
    if (typeof text !== 'string') continue;
    for (const value of decode(text)) {
      if (Number.isFinite(value)) largest = Math.max(largest, Math.abs(value));
    }
  }
  return largest;
}

/** S of each parameter: its initial and all its expected values. */
export function parameterMagnitudes(recorded: Tape | Trajectory): number[] {
  const lists =
    recorded.kind === 'tape'
      ? recorded.steps.map(({ expected }) => expected.parameters)
      : recorded.checkpoints.map(({ parameters }) => parameters);
  return recorded.parameters.map(({ initial }, i) =>
    magnitude([initial, ...lists.map((list) => list[i])]),
  );
}

/** S of each tensor of a recorded state. */
export function stateMagnitudes(tape: Tape, name: string): number[] {
  return tape.parameters.map((_, i) =>
    magnitude(
      tape.steps.map(({ expected }) => {
        const state = expected.state?.[name];
        return Array.isArray(state) ? (state as readonly (string | null)[])[i] : null;
      }),
    ),
  );
}

/** S of a recorded state that is one number. */
export function scalarMagnitude(tape: Tape, name: string): number {
  const numbers = tape.steps
    .map(({ expected }) => Math.abs(Number(expected.state?.[name] ?? 0)))
    .filter(Number.isFinite);
  return Math.max(...numbers);
}

/**
 * The largest of |computed - expected| - tolerance over all entries: at most 0 where the computed
 * array passes, NaN or positive where it does not.
 */
export function excess(
  computed: ArrayLike<number>,
  expected: ArrayLike<number>,
  scale: number,
  { absolute, relative }: Tolerance,
): number {
  if (computed.length !== expected.length) return Infinity;
  let worst = -Infinity;
  for (let i = 0; i < expected.length; i++) {
    const [c, e] = [computed[i]!, expected[i]!];
    if (Object.is(c, e)) continue;
    const over = Math.abs(c - e) - (absolute + relative * scale);
    // At once: no later comparison with NaN would keep it.
    if (Number.isNaN(over)) return NaN;
    if (over > worst) worst = over;
  }
  return worst;
}
