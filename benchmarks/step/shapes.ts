/** The sizes of the tensors that a step goes over. */
export interface Shape {
  /** As the option --shapes and the tables name it. */
  readonly name: string;
  /** Elements of each tensor. */
  readonly sizes: readonly number[];
}

export function elementsOf({ sizes }: Shape): number {
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Tensors of equal size. */
export function uniformShape(tensors: number, elements: number): Shape {
  return { name: `${tensors}x${elements}`, sizes: Array<number>(tensors).fill(elements) };
}

/** So many parameters in tensors whose sizes differ by at most one. */
export function splitShape(parameters: number, tensors: number): Shape {
  const small = Math.floor(parameters / tensors);
  const larger = parameters - small * tensors;
  return {
    name: `${tensors}x${small}${larger > 0 ? '+' : ''}`,
    sizes: Array.from({ length: tensors }, (_, i) => small + (i < larger ? 1 : 0)),
  };
}

const repeated = <Value>(count: number, values: (index: number) => readonly Value[]): Value[] =>
  Array.from({ length: count }, (_, index) => values(index)).flat();

const convolution = (side: number, inputs: number, outputs: number) => [
  side * side * inputs * outputs,
];
const batchNorm = (channels: number) => [channels, channels];
const dense = (inputs: number, outputs: number) => [inputs * outputs, outputs];

/** Wide residual network of 10 classes: three groups of pre-activation blocks. */
function wideResNet(depth: number, width: number): number[] {
  const blocks = (depth - 4) / 6;
  const group = (inputs: number, outputs: number) =>
    repeated(blocks, (index) => {
      const from = index === 0 ? inputs : outputs;
      return [
        ...batchNorm(from),
        ...convolution(3, from, outputs),
        ...batchNorm(outputs),
        ...convolution(3, outputs, outputs),
        ...(index === 0 ? convolution(1, from, outputs) : []),
      ];
    });
  return [
    ...convolution(3, 3, 16),
    ...group(16, 16 * width),
    ...group(16 * width, 32 * width),
    ...group(32 * width, 64 * width),
    ...batchNorm(64 * width),
    ...dense(64 * width, 10),
  ];
}

/** DenseNet-BC of 10 classes: three blocks of bottlenecks, halved in between. */
function denseNet(depth: number, growth: number): number[] {
  const bottlenecks = (depth - 4) / 6;
  const block = (inputs: number) =>
    repeated(bottlenecks, (index) => {
      const from = inputs + index * growth;
      return [
        ...batchNorm(from),
        ...convolution(1, from, 4 * growth),
        ...batchNorm(4 * growth),
        ...convolution(3, 4 * growth, growth),
      ];
    });
  const grown = (inputs: number) => inputs + bottlenecks * growth;
  const transition = (inputs: number) => [
    ...batchNorm(inputs),
    ...convolution(1, inputs, inputs / 2),
  ];
  const first = 2 * growth;
  const second = grown(first) / 2;
  const third = grown(second) / 2;
  return [
    ...convolution(3, 3, first),
    ...block(first),
    ...transition(grown(first)),
    ...block(second),
    ...transition(grown(second)),
    ...block(third),
    ...batchNorm(grown(third)),
    // Its last layer has no bias.
    grown(third) * 10,
  ];
}

/** The sentence encoder of InferSent, and its classifier of pairs. */
function bidirectionalLstm(inputs: number, units: number): number[] {
  const gates = 4 * units;
  const direction = [gates * inputs, gates * units, gates, gates];
  // u, v, |u - v| and u * v of two sentences, each of two directions.
  const features = 4 * 2 * units;
  return [
    ...direction,
    ...direction,
    ...dense(features, 512),
    ...dense(512, 512),
    ...dense(512, 3),
  ];
}

function resNet50(): number[] {
  const stage = (inputs: number, width: number, blocks: number) =>
    repeated(blocks, (index) => {
      const from = index === 0 ? inputs : 4 * width;
      return [
        ...convolution(1, from, width),
        ...batchNorm(width),
        ...convolution(3, width, width),
        ...batchNorm(width),
        ...convolution(1, width, 4 * width),
        ...batchNorm(4 * width),
        ...(index === 0 ? [...convolution(1, from, 4 * width), ...batchNorm(4 * width)] : []),
      ];
    });
  return [
    ...convolution(7, 3, 64),
    ...batchNorm(64),
    ...stage(64, 64, 3),
    ...stage(256, 128, 4),
    ...stage(512, 256, 6),
    ...stage(1024, 512, 3),
    ...dense(2048, 1000),
  ];
}

/** The smallest GPT-2; its output layer is its embedding. */
function gpt2(): number[] {
  const width = 768;
  const layerNorm = [width, width];
  const block = [
    ...layerNorm,
    ...dense(width, 3 * width),
    ...dense(width, width),
    ...layerNorm,
    ...dense(width, 4 * width),
    ...dense(4 * width, width),
  ];
  return [50257 * width, 1024 * width, ...repeated(12, () => block), ...layerNorm];
}

/** The tensors of real networks. */
export const networkShapes: readonly Shape[] = [
  { name: 'DenseNet-40-40', sizes: denseNet(40, 40) },
  { name: 'WRN-40-4', sizes: wideResNet(40, 4) },
  { name: 'ResNet-50', sizes: resNet50() },
  { name: 'BiLSTM', sizes: bidirectionalLstm(300, 2048) },
  { name: 'GPT-2', sizes: gpt2() },
];

/** Reads names such as 160x1000 and those of {@link networkShapes}. */
export function parseShapes(text: string): Shape[] {
  return text.split(',').map((part) => {
    const name = part.trim();
    const network = networkShapes.find((shape) => shape.name === name);
    if (network) return network;
    const match = /^([1-9]\d*)x([1-9]\d*)$/.exec(name);
    if (match) return uniformShape(Number(match[1]), Number(match[2]));
    throw new Error(
      `a shape is TENSORSxELEMENTS, such as 160x1000, or one of ` +
        `${networkShapes.map((shape) => shape.name).join(', ')}, not '${name}'`,
    );
  });
}
