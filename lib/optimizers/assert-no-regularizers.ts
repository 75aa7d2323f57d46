/** What is looked at of a tfjs-layers model. */
interface ModelLike {
  readonly layers: readonly ({ readonly name: string } & object)[];
}

/**
 * Throws if a layer of the model has a regulariser. model.fit hands the optimiser the loss plus
 * all penalties, which ALI-G would try to bring down to `lowerBound`: the step size is then too
 * large for as long as the penalty is not 0. Regularise with `constraint: l2Ball(radius)` instead.
 *
 * @throws Error that names each regulariser by layer.
 */
export function assertNoRegularizers(model: ModelLike): void {
  const found = model.layers.flatMap((layer) =>
    Object.entries(layer as Readonly<Record<string, unknown>>)
      .filter(([key, value]) => /regularizer$/i.test(key) && value !== null && value !== undefined)
      .map(([key]) => `${layer.name} (${key})`),
  );
  if (found.length === 0) return;
  throw new Error(
    `ALI-G computes its step size from the loss, but these layers add a penalty to it: ` +
      `${found.join(', ')}. Make them without a regulariser and give the optimiser ` +
      'constraint: l2Ball(radius).',
  );
}
