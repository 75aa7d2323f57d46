/** What is looked at of a tfjs-layers layer. */
interface LayerLike {
  readonly name: string;
  /** Of a model that is used as a layer. */
  readonly layers?: readonly LayerLike[];
  /** Of a wrapper such as timeDistributed. */
  readonly layer?: LayerLike;
}

/** What is looked at of a tfjs-layers model. */
interface ModelLike {
  readonly layers: readonly LayerLike[];
}

/**
 * The regularisers whose penalties tfjs adds to the loss, by layer. Those of recurrent layers are
 * their cell's, which tfjs leaves out of the loss.
 */
function regularizersOf(layer: LayerLike): string[] {
  const own = Object.entries(layer)
    .filter(([key, value]) => /regularizer$/i.test(key) && value !== null && value !== undefined)
    .map(([key]) => `${layer.name} (${key})`);
  const inner = [...(layer.layers ?? []), ...(layer.layer ? [layer.layer] : [])];
  return [...own, ...inner.flatMap(regularizersOf)];
}

/**
 * Throws if a layer of the model has a regulariser. model.fit hands the optimiser the loss plus
 * all penalties, which ALI-G would try to bring down to `lowerBound`: the step size is then too
 * large for as long as the penalty is not 0. Regularise with `constraint: l2Ball(radius)` instead.
 *
 * @throws Error that names each regulariser by layer.
 */
export function assertNoRegularizers(model: ModelLike): void {
  const found = model.layers.flatMap(regularizersOf);
  if (found.length === 0) return;
  throw new Error(
    `ALI-G computes its step size from the loss, but these layers add a penalty to it: ` +
      `${found.join(', ')}. Make them without a regulariser and give the optimiser ` +
      'constraint: l2Ball(radius).',
  );
}
