import { accessSync, closeSync, constants, openSync, readSync, statSync } from 'node:fs';
import { resolve } from 'node:path';

/** Where a program is found as execvp(3) would find it; null: nowhere. */
export function findProgram(program: string, path: string, cwd: string): string | null {
  if (program.includes('/')) return isProgram(resolve(cwd, program)) ? resolve(cwd, program) : null;
  return (
    path
      .split(':')
      .map(folder => resolve(cwd, folder, program))
      .find(isProgram) ?? null
  );
}

/**
 * What a script's first line asks for: the program that `env` looks for on the PATH, or an absolute one. Null for what is no
 * script, or cannot be read.
 */
export function interpreterOf(path: string): string | null {
  const words = firstLine(path)?.match(/^#!\s*(\S+)(?:\s+(.*\S))?/);
  if (!words) return null;
  const [, program = '', rest = ''] = words;
  if (!program.endsWith('/env')) return program;
  return rest.split(/\s+/).find(word => !word.startsWith('-') && !word.includes('=')) ?? null;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    // Not there, or not for us.
    return false;
  }
}

/** The kernel reads 256 bytes of it at most. */
const SHEBANG_BYTES = 256;

function firstLine(path: string): string | null {
  try {
    const fd = openSync(path, 'r');
    try {
      const bytes = Buffer.alloc(SHEBANG_BYTES);
      return bytes.toString('latin1', 0, readSync(fd, bytes)).split('\n', 1)[0] ?? null;
    } finally {
      closeSync(fd);
    }
  } catch {
    // Executable and not readable: then it is no script, for which reading is needed.
    return null;
  }
}
