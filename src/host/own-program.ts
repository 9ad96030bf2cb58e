/**
 * How this very program is started again: the executable alone, or Node and the script where the bundle runs under a Node of
 * the machine's (macOS). Absolute paths, so that it works from any folder.
 */
export function ownProgram(): string[] {
  const { isSea } = process.getBuiltinModule('node:sea');
  const { resolve } = process.getBuiltinModule('node:path');
  return isSea() ? [process.execPath] : [process.execPath, resolve(process.argv[1] ?? '')];
}
