import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import { openLogReader } from '../../child/log-reader.ts';
import { reasonOf } from '../../host/read-file.ts';
import { isName, LOG_FILE } from '../../state/state-folder.ts';
import type { Invocation } from '../arguments/invocation.ts';
import { type Service, selectReadable } from '../fleet/select.ts';
import { isReaderGone, ownTerminal, print, terminalLine, wantsColours } from '../render/terminal.ts';
import { UsageError } from '../usage-error.ts';

type LogsInvocation = Extract<Invocation, { kind: 'logs' }>;

/** How soon `-f` shows what was written. */
const LOOK_EVERY_MS = 100;
const DEFAULT_LINES = 100;

/**
 * Prints the ends of logs, and with `-f` goes on until it is interrupted or its reader goes. One service alone into a pipe, or with
 * --raw: the command's bytes, exact. Else lines, with arrival times to sort and select by, and events between them.
 */
export async function logsCommand(invocation: LogsInvocation): Promise<number> {
  const { services, code } = selectReadable(invocation);
  const [only] = services;
  if (only === undefined) {
    if (code === 0) process.stderr.write(`agent-watch: no services in ${invocation.stateDir}\n`);
    return code;
  }
  if (services.length === 1 && isPlain(invocation)) await copyLog(only, invocation);
  else await (await import('./timed-logs.ts')).showLines(services, invocation);
  return code;
}

function isPlain({ since, until, times, grep, run, around, raw }: LogsInvocation): boolean {
  const selects = since !== null || until !== null || grep !== null || run !== null || around !== null;
  return !times && !selects && (raw || ownTerminal() === null);
}

async function copyLog({ stateDir, name }: Service, { lines, follow, raw }: LogsInvocation): Promise<void> {
  const reader = openLogReader(join(stateDir, name, LOG_FILE));
  const show = raw || ownTerminal() === null ? printRaw : createCleanPrinter();
  show(reader.lastLines(lines ?? DEFAULT_LINES));
  if (!follow) return show(null);
  let warned = false;
  while (!isReaderGone() && isName(stateDir, name)) {
    await new Promise(resolve => setTimeout(resolve, LOOK_EVERY_MS));
    const news = reader.news();
    show(news.length > 0 ? news : null);
    if (reader.missed && !warned) {
      warned = true;
      process.stderr.write(
        'agent-watch: the log was rotated faster than it could be followed; some of it is missing\n',
      );
    }
  }
}

/** Null: nothing came for a while. */
type Print = (bytes: Buffer | null) => void;

const printRaw: Print = bytes => {
  if (bytes !== null) print(bytes);
};

/** For a terminal: whole lines, so that no sequence is cut in two; an unfinished one when nothing follows it. */
function createCleanPrinter(): Print {
  const decoder = new StringDecoder('utf8');
  const colours = wantsColours(ownTerminal());
  let partial = '';
  return bytes => {
    const text = partial + (bytes === null ? '' : decoder.write(bytes));
    const end = bytes === null ? text.length : text.lastIndexOf('\n') + 1;
    partial = text.slice(end);
    const shown = text.slice(0, end);
    if (shown !== '')
      print(
        shown
          .split('\n')
          .map(line => terminalLine(line, colours))
          .join('\n'),
      );
  };
}

/** Of a log the end is what explains its end; this is far more than is looked at. */
const READ_BYTES = 4 * 1024 * 1024;

/** The end of a log file and when it was last written, or of what a pipe in its place gives. Throws a UsageError if it cannot be read. */
export function readLogFile(path: string): { text: string; modifiedAt: number | null } {
  try {
    const fd = openSync(path, 'r');
    try {
      const stats = fstatSync(fd);
      if (!stats.isFile()) return { text: readThrough(fd), modifiedAt: null };
      return { text: readEnd(fd, stats.size), modifiedAt: stats.mtimeMs };
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw new UsageError(`--file: ${path}: ${reasonOf(error)}`);
  }
}

/** The end of standard input, once it is over. */
export function readStandardInput(): string {
  try {
    return readThrough(0);
  } catch (error) {
    throw new UsageError(`standard input: ${reasonOf(error)}`);
  }
}

function readEnd(fd: number, size: number): string {
  const bytes = Buffer.alloc(Math.min(size, READ_BYTES));
  const from = size - bytes.length;
  let done = 0;
  while (done < bytes.length) {
    const count = readSync(fd, bytes, done, bytes.length - done, from + done);
    if (count === 0) break;
    done += count;
  }
  return bytes.toString('utf8', 0, done);
}

function readThrough(fd: number): string {
  let chunks: Buffer[] = [];
  let bytes = 0;
  for (;;) {
    const chunk = Buffer.allocUnsafe(64 * 1024);
    const count = readOrWait(fd, chunk);
    if (count === 0) break;
    chunks.push(chunk.subarray(0, count));
    bytes += count;
    if (bytes > 2 * READ_BYTES) {
      chunks = [Buffer.concat(chunks).subarray(-READ_BYTES)];
      bytes = READ_BYTES;
    }
  }
  return Buffer.concat(chunks).subarray(-READ_BYTES).toString('utf8');
}

/** A non-blocking pipe that has nothing yet says EAGAIN: then it is read again after a hundredth of a second. */
function readOrWait(fd: number, into: Buffer): number {
  for (;;) {
    try {
      return readSync(fd, into, 0, into.length, null);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EOF') return 0;
      if (code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
  }
}
