import { libc } from './libc.ts';

/**
 * Gives back what this process does not need any more: what V8 keeps for speed, such as the code that only a start runs, and what glibc
 * keeps of freed memory. Blocks for some 30 ms, so it is for a moment in which nothing happens. Without libc nothing is done: what V8
 * frees would stay with glibc.
 */
export function trimMemory(): void {
  const calls = libc();
  if (calls === null) return;
  const { setFlagsFromString } = process.getBuiltinModule('node:v8');
  const { runInNewContext } = process.getBuiltinModule('node:vm');
  // A context that is made while the flag is set has the function; ours keeps none.
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');
  if (typeof collect !== 'function') return;
  // Bytecode goes that was not run since the last collection; by default only after six of them, 20 ms each.
  setFlagsFromString('--bytecode-old-age=1');
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  setFlagsFromString('--bytecode-old-age=6');
  calls.trimHeap();
}
