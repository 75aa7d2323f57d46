import { longest, type Sentences } from './sentences.js';

/**
 * Lists of sentences without their padding, as the LSTM goes through them: the first words of all
 * sentences, the longest sentence first, then the second words of those that have one, and so on.
 */
export class PackedSentences {
  /** Sentences of all lists. */
  readonly sentences: number;
  /** For each sentence of the lists, one list after the other, its place by length. */
  readonly places: Int32Array;
  /** Of each step, how many sentences it has and how many words lie before it. */
  readonly counts: readonly number[];
  readonly starts: readonly number[];
  /** How many words there are in all. */
  readonly size: number;
  /** The rows in the lists' words, put one under the other, read forwards and backwards. */
  readonly forwardRows: Int32Array;
  readonly backwardRows: Int32Array;
  /** Of each word: its sentence's place. */
  readonly owners: Int32Array;
  /** By place, whether its list has a longer sentence, so that zeros take part in the maximum. */
  readonly padded: readonly boolean[];
  /** Of each word but the first ones: where its sentence's previous word lies. */
  readonly previous: Int32Array;

  constructor(lists: readonly Sentences[]) {
    let firstRow = 0;
    const entries = lists.flatMap((list) => {
      const [batch, most] = list.words.shape;
      const start = firstRow;
      firstRow += batch * most;
      const long = longest(list);
      return Array.from(list.lengths, (length, i) => ({
        length,
        firstRow: start + i * most,
        padded: length < long,
      }));
    });
    const order = [...entries.keys()].sort((a, b) => entries[b]!.length - entries[a]!.length);
    const sorted = order.map((sentence) => entries[sentence]!);
    this.sentences = entries.length;
    this.places = new Int32Array(entries.length);
    for (const [place, sentence] of order.entries()) this.places[sentence] = place;
    this.padded = sorted.map(({ padded }) => padded);
    this.size = sorted.reduce((sum, { length }) => sum + length, 0);
    this.forwardRows = new Int32Array(this.size);
    this.backwardRows = new Int32Array(this.size);
    this.owners = new Int32Array(this.size);
    this.previous = new Int32Array(this.size - this.sentences);
    const counts: number[] = [];
    const starts: number[] = [];
    let at = 0;
    for (let step = 0; at < this.size; step++) {
      starts.push(at);
      for (let place = 0; place < sorted.length && sorted[place]!.length > step; place++) {
        const { firstRow: row, length } = sorted[place]!;
        this.forwardRows[at] = row + step;
        this.backwardRows[at] = row + length - 1 - step;
        this.owners[at] = place;
        if (step > 0) this.previous[at - this.sentences] = starts[step - 1]! + place;
        at += 1;
      }
      counts.push(at - starts[step]!);
    }
    this.counts = counts;
    this.starts = starts;
  }
}
