import { fstatSync, writeSync } from 'node:fs';
import type { WriteStream } from 'node:tty';
import { stripControl } from '../../core/text.ts';
import { zonedTime } from '../../host/clock.ts';
import { reasonOf } from '../../host/read-file.ts';
import { UsageError } from '../usage-error.ts';

/**
 * Our standard output if it is a terminal. Node's own stream over descriptor 1 brings streams, sockets and terminals along, 5 ms
 * of a command that ends in 60, so it is touched only where there is a device to talk to.
 */
export function ownTerminal(): WriteStream | null {
  try {
    const out = fstatSync(1);
    return out.isCharacterDevice() && out.rdev !== NULL_DEVICE && process.stdout.isTTY ? process.stdout : null;
  } catch {
    // EBADF: it was closed before the start, so there is no reader.
    return null;
  }
}

/** The width of our standard output; null where it is no terminal, or one that does not tell its size (a pty begins with 0). */
export const ownColumns = (): number | null => ownTerminal()?.columns || null;

/** Whether our standard output is a terminal on which a cursor can be moved. */
export const canDraw = (): boolean => process.env['TERM'] !== 'dumb' && ownTerminal() !== null;

/** Linux's /dev/null: where a check by cron sends what it says. */
const NULL_DEVICE = 0x103;

let stream: WriteStream | null = null;
let readerGone = false;

/** Whether nobody reads any more what we print, as `head` that has seen enough: for a command that would go on. */
export const isReaderGone = (): boolean => readerGone;

/** Says what a command has to say, at once and as a whole; a reader that has gone is not an error. */
export function print(text: string | Buffer): void {
  let bytes = typeof text === 'string' ? Buffer.from(text) : text;
  if (stream !== null) return void stream.write(bytes);
  try {
    while (bytes.length > 0) bytes = bytes.subarray(writeSync(1, bytes));
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (GONE.includes(code)) readerGone = true;
    else if (code !== 'EAGAIN') throw new UsageError(`cannot write to standard output: ${reasonOf(error)}`);
    else {
      // A pipe that somebody made non-blocking is full: Node's stream waits for its reader, now and from now on.
      stream = process.stdout;
      stream.on('error', () => {
        readerGone = true;
      });
      stream.write(bytes);
    }
  }
}

const GONE = ['EPIPE', 'EBADF', 'EIO'];

/** Whether to colour what goes to our terminal: by NO_COLOR, FORCE_COLOR and CLICOLOR, else only if it can. */
export function wantsColours(terminal: WriteStream | null, env: NodeJS.ProcessEnv = process.env): boolean {
  if (env['NO_COLOR']) return false;
  if (env['FORCE_COLOR']) return env['FORCE_COLOR'] !== '0';
  return terminal !== null && env['CLICOLOR'] !== '0' && env['TERM'] !== 'dumb';
}

const COLOUR = /(\u001b\[[0-9;:]*m)/;
const RESET = '\u001b[0m';

/** A line of the child as a terminal may have it: no sequence reaches it but colours, and those end with the line. */
export function terminalLine(line: string, colours: boolean): string {
  if (!colours || !COLOUR.test(line)) return stripControl(line);
  // The split keeps what it splits at, so every other part is a colour.
  const parts = line.split(COLOUR).map((part, index) => (index % 2 === 1 ? part : stripControl(part)));
  return `${parts.join('')}${RESET}`;
}

/** `2026-11-29 10:15:04`, local time. */
export function localStamp(at: string | number): string {
  return zonedTime(at).slice(0, 19);
}
