/** Damaged files: each is named, or what was read is what was written; never other numbers. */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { crc32 } from 'node:zlib';

import assert from 'node:assert/strict';
import fc from 'fast-check';

import { readIdx } from '../../experiments/mnist/data.js';
import { readCheckpoint, writeCheckpoint } from '../../experiments/runner/checkpoint.js';
import type { RunSpecification } from '../../experiments/runner/experiment.js';
import { runPaths } from '../../experiments/runner/files.js';
import {
  readFinishedRun,
  ResumableLog,
  type GridRecord,
} from '../../experiments/runner/resumable-log.js';
import { silentProgress } from '../../lib/platform/progress.js';
import { extractRuntime } from '../../lib/platform/tensorflow-wheel.js';
import type { FuzzedProperty } from './fuzzed-property.js';

/** What a disk, a transfer or another program makes of a file. */
function damaged(good: Buffer): fc.Arbitrary<Buffer> {
  const place = fc.nat(good.length - 1);
  const range = fc.tuple(place, fc.integer({ min: 1, max: 64 }));
  const kinds = [
    fc.tuple(place, fc.nat(7)).map(([position, bit]) => {
      const copy = Buffer.from(good);
      copy[position]! ^= 1 << bit;
      return copy;
    }),
    place.map((length) => good.subarray(0, length)),
    range.map(([from, length]) =>
      Buffer.concat([good.subarray(0, from), good.subarray(from + length)]),
    ),
    range.map(([from, length]) =>
      Buffer.concat([good.subarray(0, from + length), good.subarray(from)]),
    ),
    fc.tuple(place, fc.uint8Array({ minLength: 1, maxLength: 64 })).map(([from, bytes]) => {
      const copy = Buffer.from(good);
      copy.set(bytes.subarray(0, good.length - from), from);
      return copy;
    }),
    fc.uint8Array({ minLength: 1, maxLength: 64 }).map((bytes) => Buffer.concat([good, bytes])),
  ];
  return fc.oneof(...kinds).filter((copy) => !copy.equals(good));
}

/** A damaged copy of a file: reading it has to throw an error that names it. */
function everyDamageIsNamed(path: string, read: () => unknown): fc.IRawProperty<unknown> {
  return fc.property(damaged(readFileSync(path)), (copy) => {
    writeFileSync(path, copy);
    assert.throws(read, ({ message }: Error) => message.includes(path));
  });
}

function checkpoint(folder: string): fc.IRawProperty<unknown> {
  const path = join(folder, 'checkpoint');
  const state = { weights: Float32Array.of(1.5, NaN, -0), step: 3, nested: { text: 'a' } };
  writeCheckpoint(path, { step: 3, seconds: 0.5, logLength: 10, logHash: 'a', state });
  assert.deepEqual(readCheckpoint(path)?.state, state);
  return everyDamageIsNamed(path, () => readCheckpoint(path));
}

const specification: RunSpecification = { method: 'a', hyperParameters: {}, seed: 1, steps: 20 };

function finishedLog(folder: string): fc.IRawProperty<unknown> {
  const paths = runPaths(folder, 'run');
  mkdirSync(join(folder, 'runs'));
  const log = ResumableLog.begin<GridRecord>(paths);
  log.write({
    type: 'run',
    experiment: 'a',
    configuration: specification,
    engine: null,
    commit: null,
    command: 'test',
    versions: {},
    environment: {},
    machine: { processor: 'any', logicalProcessors: 1 },
  });
  for (let step = 1; step <= 20; step++) {
    log.write({ type: 'step', step, seconds: step / 8, loss: 1 / step });
  }
  log.write({ type: 'end', steps: 20, reason: 'finished', seconds: 3 });
  log.finish();
  log.close();
  const read = () => readFinishedRun(paths, 'run', specification);
  assert.equal(read().steps.length, 20);
  return everyDamageIsNamed(paths.log, read);
}

function idxFile(folder: string): fc.IRawProperty<unknown> {
  const path = join(folder, 'idx');
  const values = Uint8Array.from({ length: 200 }, (_, index) => index);
  writeFileSync(path, Buffer.concat([Buffer.of(0, 0, 8, 1, 0, 0, 0, 200), values]));
  const sha256 = createHash('sha256').update(readFileSync(path)).digest('hex');
  const read = () => readIdx(path, [200], sha256);
  assert.deepEqual(read(), values);
  return everyDamageIsNamed(path, read);
}

/** A wheel (a zip archive) with its entries as they are. */
function zip(entries: Readonly<Record<string, string>>): Buffer {
  const files: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, text] of Object.entries(entries)) {
    const content = Buffer.from(text);
    // Version, flags, method, time and date; CRC-32, sizes; lengths of the name and of an extra field.
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt32LE(crc32(content), 10);
    common.writeUInt32LE(content.length, 14);
    common.writeUInt32LE(content.length, 18);
    common.writeUInt16LE(name.length, 22);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(offset, 10);
    const file = Buffer.concat([Buffer.from('PK\x03\x04'), common, Buffer.from(name), content]);
    directory.push(Buffer.from('PK\x01\x02\x14\0'), common, place, Buffer.from(name));
    files.push(file);
    offset += file.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06');
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...files, central, end]);
}

/** The entries that a runtime is made of. */
const include = 'tensorflow/include/';
const runtime = [
  ...['c_api', 'c_api_macros', 'tf_attrtype', 'tf_buffer', 'tf_datatype', 'tf_status', 'tf_tensor']
    .concat(['tf_tstring', 'eager/c_api'])
    .map((name) => `${include}tensorflow/c/${name}.h`),
  ...['ctstring', 'ctstring_internal'].flatMap((name) => [
    `${include}tensorflow/core/platform/${name}.h`,
    `${include}tsl/platform/${name}.h`,
  ]),
  `${include}xla/tsl/c/tsl_status.h`,
  'tensorflow/libtensorflow_cc.so.2',
  'tensorflow/libtensorflow_framework.so.2',
];

function wheel(folder: string): fc.IRawProperty<unknown> {
  const path = join(folder, 'tensorflow_cpu.whl');
  const good = zip(Object.fromEntries(runtime.map((name) => [name, `content of ${name}`])));
  const extract = async () => {
    const target = mkdtempSync(join(folder, 'runtime-'));
    try {
      await extractRuntime(path, target, { progress: silentProgress });
      return readdirSync(target, { recursive: true, withFileTypes: true })
        .filter((entry) => !entry.isDirectory())
        .map(({ parentPath, name }) => `${name}: ${readFileSync(join(parentPath, name), 'utf8')}`)
        .sort();
    } finally {
      rmSync(target, { recursive: true });
    }
  };
  const read = async (bytes: Buffer) => {
    writeFileSync(path, bytes);
    return extract();
  };
  return fc.asyncProperty(damaged(good), async (copy) => {
    const expected = await read(good);
    assert.equal(expected.length, runtime.length + 2);
    try {
      // A time or a comment may have changed.
      assert.deepEqual(await read(copy), expected);
    } catch (error) {
      assert.ok((error as Error).message.includes(basename(path)), String(error));
    }
  });
}

/** Properties of files that are written into a folder. */
export function damagedFiles(folder: string): FuzzedProperty[] {
  return [
    { title: 'damaged checkpoints', property: checkpoint(folder), rate: 170 },
    { title: 'damaged logs of finished runs', property: finishedLog(folder), rate: 170 },
    { title: 'damaged idx files', property: idxFile(folder), rate: 100 },
    { title: 'damaged wheels', property: wheel(folder), rate: 35 },
  ];
}
