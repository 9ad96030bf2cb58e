import { closeSync, constants, openSync, readFileSync, readSync, writeSync } from 'node:fs';

/** Fields of /proc/self/stat, counted from 1: where in our memory the arguments begin and end. Source: proc(5). */
const ARG_START = 48;
const ARG_END = 49;

/**
 * Writes other words over those that `ps` shows of us, each as long as it was. In place, so that they stay apart; Node's
 * process.title, which makes one word of them, is what is left where our memory cannot be written (or is an emulator's).
 */
export function showArguments(before: readonly string[], after: readonly string[]): void {
  if (before.every((word, index) => word === after[index])) return;
  try {
    overwrite(before, after);
  } catch {
    // No /proc, or one that says no: macOS, gVisor, qemu.
    process.title = [process.argv0, ...after].join(' ');
  }
}

function overwrite(before: readonly string[], after: readonly string[]): void {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [start, end] = [ARG_START, ARG_END].map(number => Number(fields[number - 3]));
  const seen = readFileSync('/proc/self/cmdline');
  const tail = bytesOf(before);
  const shown = bytesOf(after);
  if (!start || end !== start + seen.length || shown.length !== tail.length) throw new Error('not where it should be');
  if (!seen.subarray(-tail.length).equals(tail)) throw new Error('not what we were given');
  const memory = openSync('/proc/self/mem', constants.O_RDWR);
  try {
    const at = end - tail.length;
    const there = Buffer.alloc(tail.length);
    readSync(memory, there, 0, there.length, at);
    if (!there.equals(tail)) throw new Error('our memory is elsewhere');
    writeSync(memory, shown, 0, shown.length, at);
  } finally {
    closeSync(memory);
  }
}

function bytesOf(words: readonly string[]): Buffer {
  return Buffer.from(words.map(word => `${word}\0`).join(''));
}
