/**
 * Takes steps with the package installed where this file lies, and writes the engine and a digest of
 * the bits that came out. Usage: node step.js, or node step.js @tensorflow/tfjs-node.
 */
import { createHash } from 'node:crypto';
import { fusedAliGStep } from 'tfjs-alig';

const [tensorFlowPackage] = process.argv.slice(2);

/** Numbers between -0.5 and 0.5 that are the same everywhere. */
function numbers(length, factor) {
  return Float32Array.from({ length }, (_, index) => ((index * factor) % 1013) / 1013 - 0.5);
}

const sizes = [3, 0, 70_001];
const arrays = (factor) => sizes.map((size, index) => numbers(size, factor + index));
const settings = { maxLearningRate: 0.1, momentum: 0.9, maxNorm: 50 };

/** Three steps; `toTensor` makes what is stepped of an array, `values` gives its array back. */
function takeSteps(toTensor, values) {
  const parameters = arrays(7919).map(toTensor);
  const velocities = sizes.map((size) => new Float32Array(size)).map(toTensor);
  let engine;
  for (const [index, loss] of [2.5, 1.25, 0.75].entries()) {
    const gradients = arrays(6007 + index).map(toTensor);
    ({ engine } = fusedAliGStep({ parameters, gradients, velocities, loss, ...settings }));
  }
  const hash = createHash('sha256');
  for (const tensor of [...parameters, ...velocities]) {
    const { buffer, byteOffset, byteLength } = values(tensor);
    hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  return `${engine} ${hash.digest('hex')}`;
}

if (tensorFlowPackage === undefined) {
  const itself = (array) => array;
  console.log(takeSteps(itself, itself));
} else {
  // tfjs-node is CommonJS.
  const { default: tf } = await import(tensorFlowPackage);
  console.log(
    takeSteps(
      (array) => tf.variable(tf.tensor1d(array)),
      (variable) => variable.dataSync(),
    ),
  );
}
