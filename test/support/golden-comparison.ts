/**
 * The recorded trajectories of test/golden and the rules by which results are compared with them
 * (see FORMAT.md there). Without Node's modules: the tests in a browser compare by the same rules.
 */
import type { AliGHyperParameters } from 'tfjs-alig';

type RecordedNumber = number | 'NaN' | 'Infinity' | '-Infinity';

interface Tolerance {
  readonly absolute: number;
  readonly relative: number;
  readonly relativeStepSize?: number;
}

interface Parameter {
  readonly name: string;
  readonly shape: number[];
  readonly initial: string;
}

interface Case {
  readonly id: string;
  readonly tags: readonly string[];
  readonly hyperParameters: Readonly<Required<AliGHyperParameters>> & {
    readonly lowerClip: boolean;
  };
  readonly parameters: readonly Parameter[];
  readonly tolerance: Tolerance;
}

export interface Tape extends Case {
  readonly kind: 'tape';
  readonly afterConstruction?: { readonly parameters: readonly string[] };
  readonly steps: readonly {
    readonly loss: number;
    readonly gradients: readonly (string | null)[];
    readonly expected: {
      readonly parameters: readonly string[];
      readonly stepSize?: RecordedNumber;
      readonly stepSizeUnclipped?: RecordedNumber;
      readonly state?: Readonly<Record<string, readonly (string | null)[]>>;
    };
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
  readonly steps: readonly { readonly loss: number; readonly stepSize: number }[];
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

/** Hyper-parameters as createOptimizer takes them: lowerClip is no setting of this package. */
export function hyperParametersOf(recorded: Case): AliGHyperParameters {
  const { maxLearningRate, momentum, epsilon, adjustedMomentum, maxNorm } =
    recorded.hyperParameters;
  return { maxLearningRate, momentum, epsilon, adjustedMomentum, maxNorm };
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
    magnitude(tape.steps.map(({ expected }) => expected.state?.[name]?.[i])),
  );
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
