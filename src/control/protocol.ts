import { closeSync, constants, mkdtempSync, openSync, rmSync, symlinkSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { hasProc } from '../host/proc-text.ts';

/** One line of JSON each way. Version 1. */
export const PROTOCOL_VERSION = 1;
/** No request or answer line is longer; what is, is refused. */
export const REQUEST_LIMIT_BYTES = 64 * 1024;
export const ANSWER_LIMIT_BYTES = 16 * 1024 * 1024;

/** What a command asks of a watcher. */
export type Request = Verb & {
  /** Who asks, for people: a claim, and no proof. */
  from?: string;
};

type Verb =
  | { verb: 'status' }
  | { verb: 'stop'; now: boolean }
  | { verb: 'restart' }
  /** `pid`: of the asking process, which must not be inside what is watched. Believed only where the kernel cannot be asked. */
  | { verb: 'reset'; pid: number }
  | { verb: 'signal'; signal: string };

/** The watcher's answer; `exit` is the command's exit code, `why` one line for people. */
export type Answer = { ok: true; [key: string]: unknown } | { ok: false; why: string; exit: number };

/** Bad usage and whatever the watcher cannot do: the contract's 125. */
export const EXIT_REFUSED = 125;

const CHECKS: Readonly<Record<Request['verb'], (fields: Record<string, unknown>) => Verb | null>> = {
  status: () => ({ verb: 'status' }),
  stop: ({ now }) => (typeof now === 'boolean' ? { verb: 'stop', now } : null),
  restart: () => ({ verb: 'restart' }),
  reset: ({ pid }) => (typeof pid === 'number' ? { verb: 'reset', pid } : null),
  signal: ({ signal }) => (typeof signal === 'string' ? { verb: 'signal', signal } : null),
};

const MOST_FROM = 200;

/** Reads a request line; a string says in one sentence what is wrong with it. */
export function readRequest(line: string): Request | string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    // Its text is not repeated: it may hold anything.
    return 'the request is not JSON';
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'the request is not a JSON object';
  const fields = value as Record<string, unknown>;
  if (fields['v'] !== PROTOCOL_VERSION) return `the watcher speaks version ${PROTOCOL_VERSION} of the protocol only`;
  const verb = fields['verb'];
  if (typeof verb !== 'string' || !Object.hasOwn(CHECKS, verb)) return 'the watcher knows no such request';
  const request = CHECKS[verb as Request['verb']](fields);
  if (request === null) return `the request '${verb}' lacks something`;
  const { from } = fields;
  return typeof from === 'string' ? { ...request, from: from.slice(0, MOST_FROM) } : request;
}

/** Reads an answer line; null if it is none. */
export function readAnswer(line: string): Answer | null {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== 'object' || value === null || !('ok' in value)) return null;
    if (value.ok === true) return value as Answer;
    const { why, exit } = value as Record<string, unknown>;
    return typeof why === 'string' && typeof exit === 'number' ? { ok: false, why, exit } : null;
  } catch {
    // Half a line of a watcher that died, or another program behind the socket.
    return null;
  }
}

/** 'nothing': the other side ended, broke or took too long before its line was whole. */
export type Line = { text: string } | 'nothing' | 'too-long';

/**
 * The first line that comes in within `timeoutMs`, without its end. What follows it is read and thrown away, so that the
 * end of the connection is seen.
 */
export function firstLine(socket: Socket, limitBytes: number, timeoutMs: number): Promise<Line> {
  return new Promise(resolve => {
    const parts: Buffer[] = [];
    let length = 0;
    let settled = false;
    const settle = (result: Line) => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      parts.length = 0;
      resolve(result);
    };
    const timer = setTimeout(() => settle('nothing'), timeoutMs);
    socket.on('data', (chunk: Buffer) => {
      if (settled) return;
      const end = chunk.indexOf(0x0a);
      length += end === -1 ? chunk.length : end;
      if (length > limitBytes) return settle('too-long');
      parts.push(end === -1 ? chunk : chunk.subarray(0, end));
      if (end !== -1) settle({ text: Buffer.concat(parts).toString('utf8') });
    });
    socket.on('end', () => settle('nothing'));
    socket.on('close', () => settle('nothing'));
  });
}

/** A Unix socket's address holds 108 bytes with the final NUL on Linux, 104 on macOS. */
const LIMIT_BYTES = process.platform === 'linux' ? 107 : 103;

/** A path by which a socket of a folder can be bound or reached, as long as it is not given up. */
export interface SocketPath {
  path: string;
  giveUp(): void;
}

/**
 * The path of a socket file, made short if the kernel would refuse it: through an open descriptor of the folder, or where
 * /proc is missing through a link in a private folder. Throws the system's error.
 */
export function socketPath(folder: string, file: string): SocketPath {
  const path = join(folder, file);
  if (Buffer.byteLength(path) <= LIMIT_BYTES) return { path, giveUp: () => undefined };
  return hasProc ? throughDescriptor(folder, file) : throughLink(folder, file);
}

function throughDescriptor(folder: string, file: string): SocketPath {
  const fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  return { path: `/proc/self/fd/${fd}/${file}`, giveUp: () => closeSync(fd) };
}

function throughLink(folder: string, file: string): SocketPath {
  const own = mkdtempSync('/tmp/agent-watch-');
  symlinkSync(folder, `${own}/d`);
  return { path: `${own}/d/${file}`, giveUp: () => rmSync(own, { recursive: true, force: true }) };
}
