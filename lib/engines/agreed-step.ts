/** What all ranks together make a step with. */
import { zeros, type Tensor } from '@tensorflow/tfjs-core';
import type { AgreedStep, RankStep, StepExchange } from '../mpi/communicator.js';
import { whereNotFinite } from '../rules/non-finite.js';
import type { StepReport } from '../rules/report.js';
import { averagerOfBackend } from './choose.js';

/** What one rank brings to a step. */
export interface OwnPart extends Pick<RankStep, 'stepNumber' | 'agreement'> {
  /** Whether the step averages the gradients itself, shard by shard. */
  readonly sharded: boolean;
  readonly variables: readonly Tensor[];
  /** One entry a variable; null: no gradient on this rank. */
  readonly gradients: readonly (Tensor | null)[];
  readonly loss: number | Tensor;
}

/** What a step is made with on all ranks. */
export interface AgreedPart {
  /** The mean of all ranks' losses. */
  readonly loss: number;
  /** The averages over the ranks, or this rank's own; null: no rank has a gradient. */
  readonly gradients: readonly (Tensor | null)[];
  /** Those of them that are new, the caller's to dispose of. */
  readonly made: readonly Tensor[];
}

function numberOf(loss: number | Tensor): number {
  return typeof loss === 'number' ? loss : loss.dataSync()[0]!;
}

/**
 * Averages the loss over the ranks, and the gradients unless the step does; a gradient that only some have
 * counts as 0 on the others. All that may fail on this rank alone comes first.
 */
export function agreeOnStep(exchange: StepExchange, own: OwnPart): AgreedPart {
  const { variables, gradients, stepNumber, agreement, sharded } = own;
  const loss = numberOf(own.loss);
  const average = averagerOfBackend()(variables, gradients);
  const without = gradients.flatMap((gradient, place) => (gradient ? [] : [place]));
  const agreed: AgreedStep = exchange.agree({ stepNumber, loss, agreement, without });
  const places = variables.flatMap((_, place) => (agreed.without.has(place) ? [] : [place]));
  const all: (Tensor | null)[] = variables.map(() => null);
  const made: Tensor[] = [];
  if (sharded) {
    for (const place of places) {
      all[place] = gradients[place] ?? null;
      if (gradients[place]) continue;
      made.push((all[place] = zeros(variables[place]!.shape, 'float32')));
    }
  } else {
    made.push(...average(exchange, places));
    made.forEach((each, i) => {
      all[places[i]!] = each;
    });
  }
  return { loss: agreed.loss, gradients: all, made };
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
