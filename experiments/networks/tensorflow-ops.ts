/** TensorFlow's own ops, also those that tfjs has no name for, through tfjs-node's backend. */
import * as tf from '@tensorflow/tfjs-node';

interface OpAttribute {
  readonly name: string;
  readonly type: number;
  readonly value: AttributeValue;
}
type AttributeValue = number | boolean | string | readonly number[];

/** What tfjs-node's backend has beyond tfjs's KernelBackend (nodejs_kernel_backend.ts). */
interface NodeBackend {
  readonly binding: Readonly<Record<string, number>>;
  executeMultipleOutputs(
    name: string,
    attributes: readonly OpAttribute[],
    inputs: readonly tf.TensorInfo[],
    outputCount: number,
  ): tf.Tensor[];
}

/** The backend's name in tfjs's registry of kernels. */
export const tensorFlowBackend = 'tensorflow';

/** Whether the current backend runs TensorFlow's ops. */
export function hasTensorFlowOps(): boolean {
  return tf.getBackend() === tensorFlowBackend;
}

/** An attribute of an op: the kind as tfjs-node's binding names it, and the value. */
export interface Attribute {
  readonly kind: 'BOOL' | 'FLOAT' | 'INT' | 'STRING' | 'TYPE';
  /** Of a type: its name in the binding. */
  readonly value: AttributeValue;
}

export const float32: Attribute = { kind: 'TYPE', value: 'TF_FLOAT' };
export const int32: Attribute = { kind: 'TYPE', value: 'TF_INT32' };
export const bool = (value: boolean): Attribute => ({ kind: 'BOOL', value });
export const float = (value: number): Attribute => ({ kind: 'FLOAT', value });
export const int = (value: number): Attribute => ({ kind: 'INT', value });
export const string = (value: string): Attribute => ({ kind: 'STRING', value });

/**
 * Runs an op. TensorFlow keeps a kernel for each set of attribute values, so what changes from step to
 * step has to be an input.
 */
export function runOp(
  name: string,
  inputs: readonly tf.TensorInfo[],
  attributes: Readonly<Record<string, Attribute>>,
  outputCount = 1,
): tf.Tensor[] {
  const node = tf.backend() as unknown as NodeBackend;
  const { binding } = node;
  return node.executeMultipleOutputs(
    name,
    Object.entries(attributes).map(([attribute, { kind, value }]) => ({
      name: attribute,
      type: binding[`TF_ATTR_${kind}`]!,
      value: kind === 'TYPE' ? binding[value as string]! : value,
    })),
    inputs,
    outputCount,
  );
}
