import { stepBytes } from '../contenders/memory.js';
import { bytes, duration, grouped, table } from './markdown.js';

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
  { name: '64 x H100, 8 nodes', devices: 64, ...h100, networkBandwidth: 50e9 },
  { name: '1,024 x H100, 128 nodes', devices: 1024, ...h100, networkBandwidth: 50e9 },
];

/** Parameter, gradient and velocity. */
const stateBytes = 12;

/** What a step of so many parameters costs at least, split evenly; null: it does not fit. */
export interface Cost {
  readonly bytesPerDevice: number;
  /** Of the step alone. */
  readonly milliseconds: number | null;
  /** With projection. */
  readonly projectedMilliseconds: number | null;
  /** To scatter the reduced gradients and gather the new parameters, 4 bytes each; 0: one device. */
  readonly networkMilliseconds: number;
}

export function costOf(parameters: number, place: Place): Cost {
  const { devices, memoryBandwidth, memoryBytes, networkBandwidth } = place;
  const share = parameters / devices;
  const bytesPerDevice = stateBytes * share;
  const fits = bytesPerDevice <= memoryBytes;
  const time = (projecting: boolean) =>
    fits ? (1000 * stepBytes(true, projecting) * share) / memoryBandwidth : null;
  const sent = networkBandwidth === null ? 0 : 8 * (parameters - share);
  return {
    bytesPerDevice,
    milliseconds: time(false),
    projectedMilliseconds: time(true),
    networkMilliseconds: sent === 0 ? 0 : (1000 * sent) / networkBandwidth!,
  };
}

/** Lower bounds for places that were not measured. */
export function scaleSection(): string {
  return table(
    [
      'parameters',
      'place',
      '>state a device',
      '>step',
      '>step with projection',
      '>gradients and parameters over the network',
    ],
    [1e9, 1e11].flatMap((parameters) =>
      places.map((place) => {
        const cost = costOf(parameters, place);
        const time = (value: number | null) => (value === null ? 'does not fit' : duration(value));
        return [
          grouped(parameters),
          place.name,
          bytes(cost.bytesPerDevice),
          time(cost.milliseconds),
          time(cost.projectedMilliseconds),
          cost.networkMilliseconds === 0 ? '' : duration(cost.networkMilliseconds),
        ];
      }),
    ),
  );
}
