/** What the training page has with it, so that it also works as files, where a page may not fetch. */

/** Digits of MNIST: bytes in base64. */
export interface PackedDigits {
  /** 28 x 28 bytes a digit. */
  readonly images: string;
  /** A byte a digit. */
  readonly labels: string;
}

/** Made by site/training/make.ts, as a script that stands before the page's own. */
export interface PageData {
  readonly training: PackedDigits;
  readonly test: PackedDigits;
  /** The binaries of the wasm backend, as `data:` addresses by their file names. */
  readonly wasm: Readonly<Record<string, string>>;
}

declare global {
  var trainingPageData: PageData;
}

/** Digits as a model takes them. */
export interface Digits {
  readonly count: number;
  /** 784 numbers from 0 to 1 a digit. */
  readonly images: Float32Array;
  /** 0 to 9. */
  readonly labels: Int32Array;
}

function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

export function unpackDigits({ images, labels }: PackedDigits): Digits {
  const values = Int32Array.from(bytesOf(labels));
  return {
    count: values.length,
    images: Float32Array.from(bytesOf(images), (byte) => byte / 255),
    labels: values,
  };
}
