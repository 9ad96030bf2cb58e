import { connect, type Socket } from 'node:net';
import { atMost, monoNow } from '../host/clock.ts';
import { errnoOf, reasonOf } from '../host/errno.ts';
import {
  ANSWER_LIMIT_BYTES,
  type Answer,
  firstLine,
  PROTOCOL_VERSION,
  type Request,
  readAnswer,
  socketPath,
} from './protocol.ts';

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
    const timer = setTimeout(() => settle(`${folder}: the watcher does not take the call`), timeoutMs);
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
    const why = got === 'nothing' ? 'the watcher does not answer' : 'the answer makes no sense';
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
  return { kind: 'failed', why: 'the watcher hung up' };
}
