import { closeSync, constants, mkdtempSync, openSync, rmSync, symlinkSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { fits, isRecord, parseJson, type Shape } from '../core/shape.ts';
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
  /**
   * `pid`: of the asking process, which must not be inside what is watched. Believed only where the kernel cannot be asked. `keepsKillHold`:
   * to be refused if a kill condition holds it.
   */
  | { verb: 'reset'; pid: number; keepsKillHold?: boolean }
  | { verb: 'signal'; signal: string };

/** The watcher's answer; `exit` is the command's exit code, `why` one line for people. */
export type Answer = { ok: true; [key: string]: unknown } | { ok: false; why: string; exit: number };

const VERBS: Readonly<Record<Request['verb'], Shape & { object: object }>> = {
  status: { object: {} },
  stop: { object: { now: 'boolean' } },
  restart: { object: {} },
  reset: { object: { pid: 'number' } },
  signal: { object: { signal: 'string' } },
};

const MOST_FROM = 200;

/** Reads a request line; a string says in one sentence what is wrong with it, without its text, which may hold anything. */
export function readRequest(line: string): Request | string {
  const value = parseJson(line);
  if (value === undefined) return 'the request is not JSON';
  if (!isRecord(value)) return 'the request is not a JSON object';
  if (value['v'] !== PROTOCOL_VERSION) return `the watcher speaks version ${PROTOCOL_VERSION} of the protocol only`;
  const { verb, from } = value;
  if (typeof verb !== 'string' || !Object.hasOwn(VERBS, verb)) return 'the watcher knows no such request';
  const shape = VERBS[verb as Request['verb']];
  if (!fits(shape, value)) return `the request '${verb}' lacks something`;
  const known = Object.fromEntries(Object.keys(shape.object).map(name => [name, value[name]]));
  const keeps = verb === 'reset' && value['keepsKillHold'] === true ? { keepsKillHold: true } : {};
  const request = { verb, ...known, ...keeps } as Request;
  return typeof from === 'string' ? { ...request, from: from.slice(0, MOST_FROM) } : request;
}

const success = { object: { ok: { is: (ok: unknown): ok is true => ok === true, what: 'true' } } } as const;
const failure = { object: { why: 'string', exit: 'number' } } as const;

/** Reads an answer line; null if it is none: half a line of a watcher that died, or of another program behind the socket. */
export function readAnswer(line: string): Answer | null {
  const value = parseJson(line);
  if (fits(success, value)) return value;
  return fits(failure, value) && 'ok' in value ? { ok: false, why: value.why, exit: value.exit } : null;
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
