import { closeSync, constants, mkdtempSync, openSync, rmSync, symlinkSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { fits, isRecord, parseJson, type Shape } from '../core/shape.ts';
import { atMost, monoNow } from '../host/clock.ts';
import { errnoOf, hasProc, reasonOf } from '../host/read-file.ts';

/** One line of JSON each way. Version 1. */
const PROTOCOL_VERSION = 1;
/** No request or answer line is longer; what is, is refused. */
export const REQUEST_LIMIT_BYTES = 64 * 1024;
const ANSWER_LIMIT_BYTES = 16 * 1024 * 1024;

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
  if (value['v'] !== PROTOCOL_VERSION) return `the watcher supports only version ${PROTOCOL_VERSION} of the protocol`;
  const { verb, from } = value;
  if (typeof verb !== 'string' || !Object.hasOwn(VERBS, verb)) return 'unknown request';
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
function readAnswer(line: string): Answer | null {
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

/** What came of asking. */
export type Asked =
  | {
      kind: 'answered';
      answer: Answer /** Resolves to true when the watcher has ended, to false after `timeoutMs`. */;
      ended(timeoutMs: number): Promise<boolean>;
      hangUp(): void;
    }
  /** Nobody listens: there is no socket, or nobody behind it. */
  | { kind: 'nobody' }
  /** Somebody may listen, but no answer came. One sentence. */
  | { kind: 'failed'; why: string };

const SOCKET = 'control';
const HANG_UP_LOOK_MS = 500;

/**
 * Asks the watcher whose socket lies in one of the folders, the first that listens. The connection stays open until
 * `hangUp`, or the watcher's end. `timeoutMs` is for connecting and for the answer each.
 */
export async function ask(folders: readonly string[], request: Request, timeoutMs: number): Promise<Asked> {
  for (const folder of folders) {
    const socket = await reach(folder, timeoutMs);
    if (typeof socket === 'string') return { kind: 'failed', why: socket };
    if (socket === null) continue;
    const asked = await exchange(socket, request, timeoutMs);
    return asked === 'hung-up' ? await afterHangUp(folder) : asked;
  }
  return { kind: 'nobody' };
}

/** A connection; null if nobody listens there, a sentence if that cannot be told. */
function reach(folder: string, timeoutMs: number): Promise<Socket | null | string> {
  return new Promise(resolve => {
    const found = pathIn(folder);
    if (typeof found !== 'object' || found === null) return resolve(found);
    const socket = connect({ path: found.path, allowHalfOpen: false });
    const settle = (result: Socket | null | string) => {
      clearTimeout(timer);
      found.giveUp();
      socket.removeAllListeners('connect').removeAllListeners('error');
      socket.on('error', () => socket.destroy());
      if (result !== socket) socket.destroy();
      resolve(result);
    };
    const timer = setTimeout(() => settle(`${folder}: the watcher does not accept the connection`), timeoutMs);
    socket.once('connect', () => settle(socket));
    socket.once('error', error => settle(isNobody(error) ? null : `${folder}: ${reasonOf(error)}`));
  });
}

function pathIn(folder: string): ReturnType<typeof socketPath> | null | string {
  try {
    return socketPath(folder, SOCKET);
  } catch (error) {
    return isNobody(error) ? null : `${folder}: ${reasonOf(error)}`;
  }
}

/** ENOTSOCK and the like: something else lies in the socket's place, so no watcher listens there. */
function isNobody(error: unknown): boolean {
  return ['ENOENT', 'ECONNREFUSED', 'ENOTSOCK', 'ENOTDIR'].includes(errnoOf(error) ?? '');
}

async function exchange(socket: Socket, request: Request, timeoutMs: number): Promise<Asked | 'hung-up'> {
  let isClosed = false;
  const closed = new Promise<void>(resolve => {
    socket.once('close', () => {
      isClosed = true;
      resolve();
    });
  });
  const line = firstLine(socket, ANSWER_LIMIT_BYTES, timeoutMs);
  socket.write(`${JSON.stringify({ v: PROTOCOL_VERSION, ...request })}\n`);
  const got = await line;
  if (got === 'nothing' && isClosed) return 'hung-up';
  const answer = typeof got === 'string' ? null : readAnswer(got.text);
  if (answer === null) {
    socket.destroy();
    const why = got === 'nothing' ? 'the watcher does not answer' : 'the answer is not valid';
    return { kind: 'failed', why };
  }
  return {
    kind: 'answered',
    answer,
    ended: ms =>
      atMost(
        ms,
        closed.then(() => true),
        false,
      ),
    hangUp: () => socket.destroy(),
  };
}

/**
 * A dying process closes its connections a moment before it stops listening: who calls in between is hung up on. So it is
 * looked whether anybody still listens; the request is not sent again, since it may have been obeyed.
 */
async function afterHangUp(folder: string): Promise<Asked> {
  for (const end = monoNow() + HANG_UP_LOOK_MS; monoNow() < end; ) {
    const again = await reach(folder, HANG_UP_LOOK_MS);
    if (again === null) return { kind: 'nobody' };
    if (typeof again !== 'string') again.destroy();
    await new Promise(resolve => setTimeout(resolve, 20));
  }
  return { kind: 'failed', why: 'the watcher closed the connection' };
}
