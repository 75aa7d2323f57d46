import { readFileSync } from 'node:fs';
import { createRequire, isBuiltin } from 'node:module';
import { dirname } from 'node:path';
import { compileFunction, createContext, runInContext } from 'node:vm';

interface LoadedModule {
  exports: unknown;
}

/**
 * A loader of CommonJS as test runners have one (Jest in its default mode): modules run in a realm
 * of their own and are loaded once in it; Node's modules and native add-ons are the process's.
 * Returns `require` as a file at `origin` has it.
 */
export function loaderInRealm(origin: string): (name: string) => unknown {
  const context = createContext({
    ...{ process, console, performance, Buffer, URL, TextEncoder, TextDecoder, queueMicrotask },
    ...{ setTimeout, clearTimeout, setInterval, clearInterval, setImmediate, clearImmediate },
  });
  // Where it is missing, tfjs keeps its state on `process`, which all realms share.
  runInContext('globalThis.global = globalThis;', context);
  const loaded = new Map<string, LoadedModule>();

  function load(path: string): unknown {
    const present = loaded.get(path);
    if (present) return present.exports;
    const module: LoadedModule = { exports: {} };
    loaded.set(path, module);
    if (path.endsWith('.json')) {
      module.exports = JSON.parse(readFileSync(path, 'utf8'));
    } else {
      const parameters = ['exports', 'require', 'module', '__filename', '__dirname'];
      const run = compileFunction(readFileSync(path, 'utf8'), parameters, {
        filename: path,
        parsingContext: context,
      }) as (...values: unknown[]) => void;
      run(module.exports, requireFrom(path), module, path, dirname(path));
    }
    return module.exports;
  }

  function requireFrom(file: string): (name: string) => unknown {
    const fromNode = createRequire(file);
    const require = (name: string): unknown => {
      const path = fromNode.resolve(name);
      return isBuiltin(name) || path.endsWith('.node') ? fromNode(path) : load(path);
    };
    return Object.assign(require, { resolve: fromNode.resolve });
  }

  return requireFrom(origin);
}
