import { tensor as makeTensor, type Tensor } from '@tensorflow/tfjs-core';
import { changedShape, type Averager } from './engine.js';

function valuesOf(tensor: Tensor): Float32Array {
  const values = tensor.dataSync<'float32'>();
  if (values.length !== tensor.size) throw changedShape(tensor, `${values.length} elements`);
  return values;
}

/** Averages gradients through arrays in host memory, which every backend gives and takes. */
export const averageOnHost: Averager = (variables, gradients) => {
  const values = gradients.map((gradient) => gradient && valuesOf(gradient));
  return (exchange, places) => {
    const own = places.map((place) => values[place] ?? new Float32Array(variables[place]!.size));
    const results = own.map(({ length }) => new Float32Array(length));
    exchange.average(own, results);
    return results.map((result, i) => makeTensor(result, variables[places[i]!]!.shape, 'float32'));
  };
};
