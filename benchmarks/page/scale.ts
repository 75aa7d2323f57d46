import MultivariateLinearRegression from 'ml-regression-multivariate-linear';
import { stepBytes } from '../contenders/memory.js';
import type { MpiResult, MpiResults } from '../mpi/run.js';
import { bytes, digits, duration, grouped, table } from './markdown.js';

/** Bytes of a bucket of gradients: bucketBytesOf in native/mpi/reduction.cc. */
function bucketBytes(ranks: number): number {
  return Math.max(2 ** 20, ranks * 2 ** 18);
}

/** Of a record, by which the ranks compare what they are about to do. */
const recordBytes = 512;

/** What a rank sends in a step: a record to each other one, and for each bucket a shard and an average. */
export function sentBy(parameters: number, ranks: number): { messages: number; bytes: number } {
  const others = ranks - 1;
  const buckets = Math.ceil((4 * parameters) / bucketBytes(ranks));
  return {
    messages: others * (1 + 2 * buckets),
    bytes: (8 * parameters * others) / ranks + recordBytes * others,
  };
}

/** What an exchange costs a rank on one machine: per message and per byte that it sends. */
export interface ExchangeCost {
  readonly messageMilliseconds: number;
  readonly byteMilliseconds: number;
}

/** The work of an exchange in a processor's milliseconds, without what a network takes. */
function hostMilliseconds(cost: ExchangeCost, parameters: number, ranks: number): number {
  const sent = sentBy(parameters, ranks);
  return cost.messageMilliseconds * sent.messages + cost.byteMilliseconds * sent.bytes;
}

/** How many ranks a processor of the measured machine has. */
function crowding(ranks: number, processors: number): number {
  return Math.max(1, ranks / processors);
}

/** What a step took beyond the same step of every rank by itself. */
function exchangeOf({ step, alone }: MpiResult): number {
  return step.median - alone.median;
}

/**
 * Fits the costs of a message and of a byte to the exchanges through memory, by relative errors: the
 * largest sizes alone would decide otherwise. Null where fewer than 3 were measured.
 */
export function fitExchange({ machine, results }: MpiResults): ExchangeCost | null {
  const rows = results.filter((row) => row.ranks > 1 && !row.link && exchangeOf(row) > 0);
  if (rows.length < 3) return null;
  const terms = rows.map((row) => {
    const sent = sentBy(row.elements, row.ranks);
    const scale = crowding(row.ranks, machine.processors) / exchangeOf(row);
    return [sent.messages * scale, sent.bytes * scale];
  });
  const { weights } = new MultivariateLinearRegression(
    terms,
    rows.map(() => [1]),
    { intercept: false, statistics: false },
  );
  const [messageMilliseconds, byteMilliseconds] = weights.map(([weight]) => weight!) as [
    number,
    number,
  ];
  return { messageMilliseconds, byteMilliseconds };
}

/** Bytes a millisecond of a link as tc names it. */
export function linkRate(link: string): number {
  const [, count, unit] = /^([\d.]+)([gm])bit$/.exec(link)!;
  return (Number(count) * { g: 1e9, m: 1e6 }[unit as 'g' | 'm']) / 8 / 1000;
}

/** The modelled exchange of a measured row. */
export function modelledExchange(
  cost: ExchangeCost,
  { elements, ranks, link }: Pick<MpiResult, 'elements' | 'ranks' | 'link'>,
  processors: number,
): number {
  const host = crowding(ranks, processors) * hostMilliseconds(cost, elements, ranks);
  return link ? host + sentBy(elements, ranks).bytes / linkRate(link) : host;
}

/** Where a step could run, from data sheets; bandwidths in bytes a second. */
interface Place {
  readonly name: string;
  readonly devices: number;
  /** Of one device. */
  readonly memoryBandwidth: number;
  readonly memoryBytes: number;
  /** Of one device, in one direction, to the others; null: there are none. */
  readonly networkBandwidth: number | null;
}

// NVIDIA H100 SXM5: 80 GB of HBM3 at 3.35 TB/s, NVLink at 900 GB/s in both directions together.
// Between nodes a 400 Gbit/s adapter a GPU. AMD EPYC 9654: 12 channels of DDR5-4800, 460.8 GB/s.
const h100 = { memoryBandwidth: 3.35e12, memoryBytes: 80e9 };
const nodes = [8, 64, 512].map((count) => ({
  name: `${grouped(8 * count)} x H100, ${count} nodes`,
  devices: 8 * count,
  ...h100,
  networkBandwidth: 50e9,
}));
/** PCIe 5.0 with 16 lanes, in one direction: between a GPU and the memory of its host. */
const hostBandwidth = 64e9;

export const places: readonly Place[] = [
  {
    name: 'EPYC 9654, one socket, 768 GB',
    devices: 1,
    memoryBandwidth: 460.8e9,
    memoryBytes: 768e9,
    networkBandwidth: null,
  },
  { name: 'H100 SXM5', devices: 1, ...h100, networkBandwidth: null },
  { name: '8 x H100, one node', devices: 8, ...h100, networkBandwidth: 450e9 },
  ...nodes,
];

/** Parameter, gradient and velocity. */
const stateBytes = 12;

/** What a step of so many parameters costs at least; times in milliseconds. */
export interface Cost {
  /** Every device has all parameters and makes the whole step, as it is today. */
  readonly whole: Part;
  /** Each device has its part of them: what a step costs at least. */
  readonly divided: Part;
  /** Gradients to the host's memory and averages back; 0: one device. */
  readonly throughHost: number;
  /** Gradients that are scattered, averages or new parameters that are gathered; 0: one device. */
  readonly network: number;
}

interface Part {
  readonly bytesPerDevice: number;
  /** Null: it does not fit. */
  readonly step: number | null;
}

export function costOf(parameters: number, place: Place): Cost {
  const { devices, memoryBandwidth, memoryBytes, networkBandwidth } = place;
  const part = (count: number): Part => {
    const bytesPerDevice = stateBytes * count;
    const step = (1000 * stepBytes(true, false) * count) / memoryBandwidth;
    return { bytesPerDevice, step: bytesPerDevice <= memoryBytes ? step : null };
  };
  const isAlone = networkBandwidth === null;
  return {
    whole: part(parameters),
    divided: part(parameters / devices),
    throughHost: isAlone ? 0 : (1000 * 8 * parameters) / hostBandwidth,
    network: isAlone ? 0 : (1000 * sentBy(parameters, devices).bytes) / networkBandwidth,
  };
}

/** How near the model is to what was measured. */
function fitTable({ machine, results }: MpiResults, cost: ExchangeCost): string {
  const rows = results.filter(({ ranks }) => ranks > 1);
  return table(
    ['>parameters', '>ranks', 'link', '>messages', '>measured ms', '>modelled ms'],
    rows.map((row) => [
      ...[grouped(row.elements), row.ranks, row.link ?? 'memory'],
      grouped(sentBy(row.elements, row.ranks).messages),
      digits(exchangeOf(row)),
      digits(modelledExchange(cost, row, machine.processors)),
    ]),
  );
}

/** A model of a step's cost: what was measured on few ranks, and with data sheets what many would take. */
export function scaleSection(mpi: MpiResults | null): string {
  const cost = mpi && fitExchange(mpi);
  const message = cost?.messageMilliseconds ?? 0;
  const head = cost
    ? [
        `Fitted to the exchanges through memory above (step less alone): ${digits(1000 * message)} us a message and ` +
          `${digits(1e6 * cost.byteMilliseconds)} ns a byte of what a rank sends, times the ranks that share a ` +
          'processor; over a link its rate comes on top.',
        fitTable(mpi, cost),
      ]
    : [];
  const rows = [1e9, 1e11].flatMap((parameters) =>
    places.map((place) => {
      const { whole, divided, throughHost, network } = costOf(parameters, place);
      const messages = message * sentBy(parameters, place.devices).messages;
      const time = (value: number | null) => (value === null ? 'does not fit' : duration(value));
      const some = (value: number) => (value === 0 ? '' : duration(value));
      return [
        ...[grouped(parameters), place.name, bytes(whole.bytesPerDevice), time(whole.step)],
        ...[some(throughHost), some(messages), some(network)],
        time(whole.step === null ? null : whole.step + throughHost + messages + network),
        ...[bytes(divided.bytesPerDevice), time(divided.step)],
        time(divided.step === null ? null : divided.step + network),
      ];
    }),
  );
  return [
    ...head,
    table(
      [
        ...['parameters', 'place', '>state a device', '>step', '>through the host'],
        ...['>messages', '>network', '>in all', '>divided: state', '>step', '>in all'],
      ],
      rows,
    ),
  ].join('\n\n');
}
