import type { MpiResults } from '../mpi/run.js';
import type { Summary } from '../statistics.js';
import { digits, grouped, machineText, range, table } from './markdown.js';

function cell(summary: Summary | undefined): string {
  return summary ? digits(summary.median) : '';
}

/** What a step over MPI takes. */
export function mpiSection({ machine, results }: MpiResults): string {
  const withPeers = results.some(({ ddp }) => ddp);
  const peers = withPeers
    ? " DDP is a step of PyTorch's DistributedDataParallel with gloo and its fused SGD, without the norm, over " +
      'parameters whose sum is the loss, forward and backward pass included; and the same by itself.'
    : ' PyTorch was not measured (`--peers`).';
  return [
    machineText(machine),
    'Milliseconds of one step of `prepareAliGStep` with momentum over a `Float32Array`, on so many ranks of this one ' +
      'machine, more than it has cores where there are 4: with the communicator, with ' +
      "`reduction = 'fast'` and by itself on every rank at the same time; of `AliG` through tfjs-node with the " +
      "communicator, and with `shardState`; of MPI's own allreduce of as many float32. Medians. Ranks share " +
      `memory, or are joined by a link of the rate that is named. The bytes are computed.${peers}`,
    table(
      [
        ...['>parameters', '>ranks', 'link', '>MB sent a rank', '>step', '>range', '>fast'],
        ...[
          '>tfjs-node',
          '>shards',
          '>alone',
          '>allreduce',
          ...(withPeers ? ['>DDP', '>DDP alone'] : []),
        ],
      ],
      results.map(({ elements, ranks, link, bytesSent, ddp, ...times }) => [
        ...[grouped(elements), String(ranks), link ?? 'memory', digits(bytesSent / 1e6)],
        ...[cell(times.step), range(times.step), cell(times.fast), cell(times.tensorFlow)],
        ...[cell(times.shards), cell(times.alone), cell(times.allreduce)],
        ...(withPeers ? [cell(ddp?.shared), cell(ddp?.alone)] : []),
      ]),
    ),
  ].join('\n\n');
}
