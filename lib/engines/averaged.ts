/** Gradients as all ranks together have them. */
import type { Tensor } from '@tensorflow/tfjs-core';
import type { AgreedStep, RankStep, StepExchange } from '../mpi/communicator.js';
import { whereNotFinite } from '../rules/non-finite.js';
import type { StepReport } from '../rules/report.js';
import { averagerOfBackend } from './choose.js';

/** What one rank brings to a step. */
export interface OwnPart extends Pick<RankStep, 'stepNumber' | 'agreement'> {
  readonly variables: readonly Tensor[];
  /** One entry a variable; null: no gradient on this rank. */
  readonly gradients: readonly (Tensor | null)[];
  readonly loss: number | Tensor;
}

/** The averages over the ranks. */
export interface AveragedPart {
  readonly loss: number;
  /** New tensors, the caller's to dispose of; null: no rank has a gradient. */
  readonly gradients: (Tensor | null)[];
}

function numberOf(loss: number | Tensor): number {
  return typeof loss === 'number' ? loss : loss.dataSync()[0]!;
}

/**
 * Averages the loss and the gradients over the ranks; a gradient that only some have counts as 0 on the
 * others. All that may fail on this rank alone comes first.
 */
export function averagedPart(exchange: StepExchange, own: OwnPart): AveragedPart {
  const { variables, gradients, stepNumber, agreement } = own;
  const loss = numberOf(own.loss);
  const average = averagerOfBackend()(variables, gradients);
  const without = gradients.flatMap((gradient, place) => (gradient ? [] : [place]));
  const agreed: AgreedStep = exchange.agree({ stepNumber, loss, agreement, without });
  const places = variables.flatMap((_, place) => (agreed.without.has(place) ? [] : [place]));
  const averages: (Tensor | null)[] = variables.map(() => null);
  average(exchange, places).forEach((each, i) => {
    averages[places[i]!] = each;
  });
  return { loss: agreed.loss, gradients: averages };
}

/**
 * As {@link whereNotFinite}, with the ranks at fault: a step that is refused is refused on all of them, and
 * all have to ask.
 *
 * @param exchange Null: this process trains alone.
 * @param suspects This rank's own.
 */
export function whereNotFiniteOnRanks(
  exchange: StepExchange | null,
  report: StepReport,
  suspects: Parameters<typeof whereNotFinite>[1],
  ownLoss: number | Tensor,
): string {
  const own = whereNotFinite(report, suspects);
  const { status } = report;
  if (!exchange || (status !== 'lossNotFinite' && status !== 'gradientNotFinite')) return own;
  const loss = numberOf(ownLoss);
  const isAtFault = status === 'lossNotFinite' && !Number.isFinite(loss);
  const told = exchange.tell(isAtFault ? ` (${loss})` : own);
  return told.map((text, rank) => (text === '' ? '' : ` on rank ${rank}${text}`)).join('');
}
