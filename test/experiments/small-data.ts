/** Small files in the official layouts of all data sets of the tables. */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { SeededRandom } from '../../experiments/seeded-random.js';
import { fixtureFolder } from './data/folder.js';

/** Images of noise; `labels` are the bytes before an image's pixels. */
function cifarFile(count: number, labels: (image: number) => number[], seed: number): Buffer {
  const random = new SeededRandom(seed);
  return Buffer.concat(
    Array.from({ length: count }, (_, image) =>
      Buffer.from([...labels(image), ...Array.from({ length: 3072 }, () => random.below(256))]),
    ),
  );
}

const sickColumns = [
  'pair_ID',
  'sentence_A',
  'sentence_B',
  'entailment_label',
  'relatedness_score',
  'entailment_AB',
  'entailment_BA',
  'sentence_A_original',
  'sentence_B_original',
  'sentence_A_dataset',
  'sentence_B_dataset',
  'SemEval_set',
];
const sickLabels = ['ENTAILMENT', 'NEUTRAL', 'CONTRADICTION'];
const words = ['dogs', 'men', 'women', 'run', 'sleep', 'sing', 'here', 'there'];

function sickFile(): string {
  const random = new SeededRandom(3);
  const sentence = () =>
    Array.from({ length: 2 + random.below(4) }, () => words[random.below(words.length)]).join(' ');
  const line = (part: string) => (_: unknown, index: number) =>
    sickColumns
      .map((name) => {
        if (name === 'entailment_label') return sickLabels[index % 3];
        if (name === 'SemEval_set') return part;
        return name.startsWith('sentence') ? sentence() : String(index);
      })
      .join('\t');
  const lines = [
    ...Array.from({ length: 9 }, line('TRAIN')),
    ...Array.from({ length: 4 }, line('TRIAL')),
    ...Array.from({ length: 4 }, line('TEST')),
  ];
  return [sickColumns.join('\t'), ...lines, ''].join('\n');
}

function gloveFile(known: readonly string[], dimension: number): string {
  const random = new SeededRandom(4);
  const vector = () =>
    Array.from({ length: dimension }, () => random.normal().toFixed(4)).join(' ');
  return known.map((word) => `${word} ${vector()}\n`).join('');
}

/** Writes the files into a folder. */
export function writeSmallData(folder: string): void {
  const write = (path: string, content: string | Buffer) => {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), content);
  };
  for (let part = 1; part <= 5; part++) {
    const images = cifarFile(3, (image) => [(3 * part + image) % 10], part);
    write(`cifar-10-batches-bin/data_batch_${part}.bin`, images);
  }
  write(
    'cifar-10-batches-bin/test_batch.bin',
    cifarFile(4, (image) => [image], 6),
  );
  write(
    'cifar-100-binary/train.bin',
    cifarFile(12, (image) => [image, 8 * image], 7),
  );
  write(
    'cifar-100-binary/test.bin',
    cifarFile(4, (image) => [image, 8 * image], 8),
  );
  cpSync(fixtureFolder('svhn'), folder, { recursive: true });
  cpSync(fixtureFolder('snli_1.0'), join(folder, 'snli_1.0'), { recursive: true });
  write('SICK/SICK.txt', sickFile());
  write('glove.6B.100d.txt', gloveFile(words, 100));
  const common = ['<s>', '</s>', 'A', 'The', 'a', 'is', 'are', 'man', 'in', 'on', '.'];
  write('glove.840B.300d.txt', gloveFile(common, 300));
}
