/** Who makes the step, without loading any of them. */
import { contenderScript } from '../peers/environment.js';
import { nodeCommand, type Command } from '../worker/process.js';
import { floorPart } from './memory.js';

/** What a contender's step contains. */
export interface Work {
  /** The norm of all gradients together, on which the step depends. */
  readonly norm: boolean;
  /** The projection on the ball, where that is active. */
  readonly projection: boolean;
  /** Whether it checks that loss and gradients are finite before it writes. */
  readonly checks: boolean;
}

/** How a contender's parameters must agree with those that its formula gives. */
export type Agreement =
  /** Bit for bit: the numeric contract. */
  | 'exact'
  /** Within a tolerance: step/check.ts. */
  | 'close';

/** The formula that a contender computes: step/formulas.ts. */
export type Formula = 'alig' | 'adam' | 'rmsprop' | 'adagrad';

export interface Contender {
  readonly name: string;
  readonly command: (python: string) => Command;
  /** Whether it is measured with --peers alone. */
  readonly peer: boolean;
  readonly formula: Formula;
  readonly work: Work;
  readonly agreement: Agreement;
  /** The engine that has to have served: of our own steps. */
  readonly engine: string | null;
  /** The largest case that it is worth waiting for. */
  readonly mostElements: number;
  readonly mostTensors: number;
  /**
   * Needed at the peak, an element: decides how many contenders fit into the memory together.
   * TensorFlow keeps what tensors have given back: after steps over 100 million parameters AliG's
   * process held 24.7 bytes a parameter and that of tf.train.momentum 37.3, and the arrays that the
   * inputs were read into add 8 until they are collected.
   */
  readonly bytesPerElement: number;
  /** Whether it runs with momentum, and without. */
  readonly momentum: 'any' | 'with' | 'without';
}

const module = (name: string) => new URL(`${name}.js`, import.meta.url);

const fused: Work = { norm: true, projection: true, checks: true };
const aligInOps: Work = { norm: true, projection: true, checks: false };
const stepAlone: Work = { norm: false, projection: false, checks: false };

const unlimited = { mostElements: Infinity, mostTensors: Infinity } as const;

function node(
  name: string,
  [file, key]: readonly [string, string],
  rest: Omit<Contender, 'name' | 'command'>,
): Contender {
  return { name, command: () => nodeCommand(module(file), key), ...rest };
}

function python(
  name: string,
  key: string,
  work: Work,
  limits: Pick<Contender, 'bytesPerElement' | 'mostElements'>,
): Contender {
  return {
    name,
    command: (interpreter) => ({ file: interpreter, arguments: ['-u', contenderScript, key] }),
    peer: true,
    formula: 'alig',
    work,
    agreement: 'close',
    engine: null,
    mostTensors: Infinity,
    momentum: 'any',
    ...limits,
  };
}

const ours = {
  peer: false,
  formula: 'alig',
  work: fused,
  agreement: 'exact',
  momentum: 'any',
} as const;
const tfjs = { peer: false, formula: 'alig', agreement: 'close', engine: null } as const;
const tfjsPeer = { ...tfjs, peer: true, work: stepAlone, momentum: 'any' } as const;

/** Names that tables and charts look for. */
export const hostName = 'fusedAliGStep, Float32Array';
export const tensorFlowName = 'AliG, tfjs-node';
export const plainName = 'ALI-G in plain tfjs ops';
export const momentumName = 'tf.train.momentum';
export const torchNormName = 'PyTorch SGD fused, norm and ball';
export const torchName = 'PyTorch SGD fused';

const large = { mostElements: 30e6 } as const;

/** All contenders, in the order of the tables and of what is left out last. */
export const contenders: readonly Contender[] = [
  node(hostName, ['host', 'host'], {
    ...ours,
    ...unlimited,
    engine: 'native-cpu',
    bytesPerElement: 12,
  }),
  node(tensorFlowName, ['tfjs', 'alig-tensorflow'], {
    ...ours,
    ...unlimited,
    engine: 'tensorflow-cpu',
    bytesPerElement: 32,
  }),
  node(plainName, ['tfjs', 'plain-alig'], {
    ...tfjs,
    ...unlimited,
    mostElements: 60e6,
    work: aligInOps,
    momentum: 'any',
    bytesPerElement: 52,
  }),
  node(momentumName, ['tfjs', 'momentum'], {
    ...tfjs,
    ...unlimited,
    work: stepAlone,
    momentum: 'with',
    bytesPerElement: 46,
  }),
  node('tf.train.sgd', ['tfjs', 'sgd'], {
    ...tfjs,
    ...unlimited,
    work: stepAlone,
    momentum: 'without',
    bytesPerElement: 32,
  }),
  node('AliG, tfjs cpu backend', ['tfjs', 'alig-cpu'], {
    ...ours,
    engine: 'native-cpu',
    mostElements: 30e6,
    mostTensors: Infinity,
    bytesPerElement: 24,
  }),
  node('AliG, tfjs wasm backend', ['tfjs', 'alig-wasm'], {
    ...ours,
    agreement: 'close',
    engine: 'portable',
    mostElements: 10e6,
    mostTensors: 200,
    bytesPerElement: 64,
  }),
  node('tf.train.adam', ['tfjs', 'adam'], {
    ...tfjsPeer,
    ...unlimited,
    ...large,
    formula: 'adam',
    bytesPerElement: 60,
  }),
  node('tf.train.rmsprop', ['tfjs', 'rmsprop'], {
    ...tfjsPeer,
    ...unlimited,
    ...large,
    formula: 'rmsprop',
    bytesPerElement: 60,
  }),
  node('tf.train.adagrad', ['tfjs', 'adagrad'], {
    ...tfjsPeer,
    ...unlimited,
    ...large,
    formula: 'adagrad',
    bytesPerElement: 52,
  }),
  python(
    torchNormName,
    'torch-fused-constrained',
    { norm: true, projection: true, checks: false },
    { bytesPerElement: 20, mostElements: Infinity },
  ),
  python(torchName, 'torch-fused', stepAlone, {
    bytesPerElement: 16,
    mostElements: Infinity,
  }),
  python(
    'PyTorch ALI-G, published algorithm',
    'torch-alig',
    { norm: true, projection: true, checks: false },
    { bytesPerElement: 20, mostElements: Infinity },
  ),
  python('PyTorch SGD foreach', 'torch-foreach', stepAlone, { bytesPerElement: 24, ...large }),
  python(
    'PyTorch SGD foreach, norm and ball',
    'torch-foreach-constrained',
    { norm: true, projection: true, checks: false },
    { bytesPerElement: 24, ...large },
  ),
  python('PyTorch SGD for-loop', 'torch-for-loop', stepAlone, { bytesPerElement: 20, ...large }),
  python(
    'PyTorch SGD for-loop, norm and ball',
    'torch-for-loop-constrained',
    { norm: true, projection: true, checks: false },
    { bytesPerElement: 20, ...large },
  ),
  python('Keras SGD', 'keras', stepAlone, { bytesPerElement: 28, mostElements: Infinity }),
];

/** The floor's process, which takes its turns as a contender does, and that of the other passes. */
export const floorCommand: Command = nodeCommand(module('memory'), floorPart);
export const memoryCommand: Command = nodeCommand(module('memory'), 'others');
/** Of both. */
export const memoryBytesPerElement = 28;
