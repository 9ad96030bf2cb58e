/** How a script of the executable is loaded: its text lies there, and what V8 compiled of it when the executable was built. */
import { Script } from 'node:vm';

/** What the scripts export. */
export interface Contents {
  first: typeof import('./first.ts');
  look: typeof import('./look.ts');
  second: typeof import('./second.ts');
}

// The executable's own, which knows Node's modules only.
declare const require: unknown;

const loaded = new Map<string, unknown>();

/** The exports of a script, which is evaluated at the first call. */
export function load<Name extends keyof Contents>(name: Name): Contents[Name] {
  if (!loaded.has(name)) loaded.set(name, evaluate(name));
  return loaded.get(name) as Contents[Name];
}

function evaluate(name: string): unknown {
  const { getRawAsset } = process.getBuiltinModule('node:sea');
  const text = Buffer.from(getRawAsset(`${name}.cjs`)).toString('latin1');
  // Empty where the executable was built on another architecture: then V8 compiles what is called.
  const cache = Buffer.from(getRawAsset(`${name}.cache`));
  const script = new Script(text, {
    filename: `${name}.cjs`,
    ...(cache.length > 0 && { cachedData: cache }),
  });
  const module = { exports: {} };
  script.runInThisContext()(module, require);
  return module.exports;
}
