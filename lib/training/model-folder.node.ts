import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { io } from '@tensorflow/tfjs-core';
import { FileError, makeFolder, writing } from '../platform/file-error.js';
import { syncFolder, writeAtomically } from '../platform/write-atomically.js';
import { shown } from '../values/shown.js';

const owner = 'modelFolder';
const modelName = 'model.json';
const weightsPattern = /^weights-[0-9a-f]{64}\.bin(\.new)?$/;
/** The last field of model.json: the hash of the text before it. */
const hashField = /,"sha256":"([0-9a-f]{64})"\}$/;

/**
 * NOTE [a model in a folder]
 * The weights lie in a file that is named after their SHA-256, and model.json names that file. It is
 * written last and replaced as a whole, so that at every moment it is of one model, whose weights are
 * there; those of the model before are then removed. tfjs-node's `file://` and a web server's readers
 * follow the name too.
 */
function save(folder: string, artifacts: io.ModelArtifacts): io.SaveResult {
  const { weightSpecs = [], weightData, ...rest } = artifacts;
  if (rest.modelTopology instanceof ArrayBuffer) {
    throw new TypeError(`${owner}: the topology of a model is saved as JSON, not in binary form.`);
  }
  makeFolder(folder);
  const weights = Buffer.concat([weightData ?? []].flat().map((part) => Buffer.from(part)));
  const name = `weights-${sha256(weights)}.bin`;
  const weightsManifest = [{ paths: [name], weights: weightSpecs }];
  const content = JSON.stringify({ ...rest, weightsManifest });
  writeAtomically(join(folder, name), weights);
  const hash = sha256(Buffer.from(content));
  writeAtomically(join(folder, modelName), `${content.slice(0, -1)},"sha256":"${hash}"}`);
  writing(folder, () => {
    for (const file of readdirSync(folder)) {
      if (weightsPattern.test(file) && file !== name) rmSync(join(folder, file), { force: true });
    }
    syncFolder(folder);
  });
  return { modelArtifactsInfo: io.getModelArtifactsInfoForJSON(artifacts) };
}

function sha256(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

/** A file as it was written; its content's hash and the one that it should have are compared. */
function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const { message } = error as Error;
    throw new FileError(`${owner}: cannot read ${path}: ${message}`, { cause: error });
  }
}

function damaged(path: string, content: Uint8Array, expected: string): FileError {
  return new FileError(
    `${owner}: ${path} is damaged, and no model was made of it: its SHA-256 is ${sha256(content)}, ` +
      `not ${expected}. Take another copy of the folder.`,
  );
}

function load(folder: string): Promise<io.ModelArtifacts> {
  const path = join(folder, modelName);
  const file = read(path);
  const text = file.toString('utf8');
  const [field, expected] = hashField.exec(text) ?? [];
  if (field === undefined || expected === undefined) {
    throw new FileError(
      `${owner}: ${path} does not end with its SHA-256: it is damaged, or was not written by ` +
        `${owner}. What tfjs-node has written 'file://${path}' loads.`,
    );
  }
  const content = Buffer.concat([file.subarray(0, -field.length), Buffer.from('}')]);
  if (sha256(content) !== expected) throw damaged(path, content, expected);
  const model = JSON.parse(content.toString('utf8')) as io.ModelJSON;
  return io.getModelArtifactsForJSON(model, ([group]) => {
    const [name] = group!.paths;
    const weightsPath = join(folder, name!);
    const weights = read(weightsPath);
    const [, hash] = /^weights-(.*)\.bin$/.exec(name!)!;
    if (sha256(weights) !== hash) throw damaged(weightsPath, weights, hash!);
    const { buffer, byteOffset, byteLength } = weights;
    return Promise.resolve([
      group!.weights,
      buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer,
    ]);
  });
}

/** What model-folder.ts is in Node. */
export function modelFolder(path: string): io.IOHandler {
  if (typeof path !== 'string' || path === '') {
    throw new TypeError(`${owner}: path must name a folder, not ${shown(path)}.`);
  }
  return {
    // With `then`, so that what they throw rejects.
    save: (artifacts) => Promise.resolve().then(() => save(path, artifacts)),
    load: () => Promise.resolve().then(() => load(path)),
  };
}
