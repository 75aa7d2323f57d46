/** Browsers have no folders; bundlers take this file in place of model-folder.node.ts. */
export function modelFolder(): never {
  throw new Error("modelFolder: a browser has no folders; save to 'indexeddb://...' there.");
}
