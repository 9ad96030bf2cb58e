import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { EXIT } from '../core/signals.ts';
import { libc } from '../host/libc.ts';
import { readProcess } from '../host/process-table.ts';
import { errnoOf, reasonOf } from '../host/read-file.ts';
import { type Answer, firstLine, REQUEST_LIMIT_BYTES, type Request, readRequest, socketPath } from './protocol.ts';

/** Who is at the other end, as the kernel says. */
export interface Caller {
  /** 0: a process outside our pid namespace, such as one of the host's. */
  pid: number;
  uid: number;
  /** When the process with that pid started, as seen when its call was taken; null: it was gone by then. */
  startTicks: number | null;
}

/**
 * What answers the requests; `caller` is null where the kernel cannot be asked. A rejection is answered as a refusal that names its
 * message.
 */
export type Answerer = (request: Request, caller: Caller | null) => Answer | Promise<Answer>;

/** A watcher's ear. */
export interface ControlServer {
  /** The folder its socket lies in. */
  folder: string;
  /** Whether its socket is still there, so that clients find it. */
  isThere(): boolean;
  /**
   * Removes the socket, and takes no more calls. To be done before the lock is given back, or it would be the next watcher's
   * socket that is removed.
   */
  stopAccepting(): void;
  /** Ends every connection too, which tells waiting clients that the watcher is gone and the name free. */
  close(): Promise<void>;
}

export interface ServerTimes {
  /** How long a client may take to send its line, and to take the answer. */
  clientMs: number;
}

const SOCKET = 'control';
const MOST_CLIENTS = 64;

/**
 * Listens on a socket (0600) in the first of the folders where one can be bound. Only for the holder of the name's lock:
 * it replaces whatever lies in the socket's place. Returns in one sentence why none could be bound.
 */
export async function openControl(
  folders: Iterable<string>,
  answer: Answerer,
  times: ServerTimes = { clientMs: 10_000 },
): Promise<ControlServer | string> {
  const faults: string[] = [];
  for (const folder of folders) {
    try {
      return await listenIn(folder, answer, times);
    } catch (error) {
      faults.push(`${join(folder, SOCKET)}: ${reasonOf(error)}`);
    }
  }
  return faults.join('; ');
}

async function listenIn(folder: string, answer: Answerer, times: ServerTimes): Promise<ControlServer> {
  const { path, giveUp } = socketPath(folder, SOCKET);
  const connections = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, socket => {
    connections.add(socket);
    dropOldest(connections);
    socket.on('close', () => connections.delete(socket));
    // A client that goes in the middle harms nobody; `close` follows.
    socket.on('error', () => socket.destroy());
    const caller = callerOf(socket);
    void serve(socket, request => answer(request, caller), times);
  });
  try {
    removeStale(path);
    await listening(server, path);
    chmodSync(path, 0o600);
  } catch (error) {
    server.close();
    giveUp();
    throw error;
  }
  const inode = inodeOf(folder);
  // A listening socket that breaks later (no descriptors left) is no reason to end a watcher.
  server.on('error', () => undefined);
  let closed: Promise<void> | null = null;
  const stopAccepting = () => {
    // Node unlinks the socket in this very call, then waits for the connections.
    closed ??= new Promise<void>(resolve => server.close(() => resolve())).finally(giveUp);
  };
  const close = async () => {
    stopAccepting();
    for (const socket of connections) socket.destroy();
    await closed;
  };
  return { folder, isThere: () => inode !== null && inodeOf(folder) === inode, stopAccepting, close };
}

/** For one client too many the oldest goes: idle ones must not keep out a stop. One that waits for our end sees it as it ends. */
function dropOldest(connections: Set<Socket>): void {
  for (const socket of [...connections].slice(0, Math.max(0, connections.size - MOST_CLIENTS))) socket.destroy();
}

function inodeOf(folder: string): number | null {
  try {
    return lstatSync(join(folder, SOCKET), { throwIfNoEntry: false })?.ino ?? null;
  } catch {
    // Not to be seen (any more).
    return null;
  }
}

/** A control socket that is made again when it is removed. */
export interface LastingControl {
  /** Binds the socket if it is not there. Returns in one sentence why none could be bound, or null. */
  ensure(): Promise<string | null>;
  /** Null: none was ever bound. */
  isThere(): boolean | null;
  /** As for a ControlServer. */
  stopAccepting(): void;
  close(): Promise<void>;
}

/** Opens nothing yet. `folders` is asked at each binding. */
export function createLastingControl(folders: () => Iterable<string>, answer: Answerer): LastingControl {
  const servers: ControlServer[] = [];
  let binding: Promise<string | null> | null = null;
  let over = false;

  async function bind(): Promise<string | null> {
    // Before the next one is bound: Node removes whatever lies at the path of a server that it closes.
    servers.at(-1)?.stopAccepting();
    const opened = await openControl(folders(), answer);
    if (typeof opened === 'string') return opened;
    servers.push(opened);
    if (over) opened.stopAccepting();
    return null;
  }

  const isThere = () => servers.at(-1)?.isThere() ?? null;
  return {
    isThere,
    async ensure() {
      if (over || isThere() === true) return null;
      binding ??= bind().finally(() => {
        binding = null;
      });
      return binding;
    },
    stopAccepting() {
      over = true;
      servers.at(-1)?.stopAccepting();
    },
    async close() {
      over = true;
      await binding;
      // Those whose socket was removed may still have a client that waits for our end.
      await Promise.all(servers.map(server => server.close()));
    },
  };
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** What a killed watcher left: the lock is ours, so nobody listens there. */
function removeStale(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

// The kernel keeps who called connect(2), not who holds the connection now; a process that is gone has lost its say.
function callerOf(socket: Socket): Caller | null {
  // No public property tells the descriptor of a connection.
  const { _handle: handle } = socket as Socket & { _handle?: { fd?: number } };
  const calls = libc();
  if (calls === null || handle?.fd === undefined) return null;
  try {
    const { pid, uid } = calls.peerOf(handle.fd);
    return { pid, uid, startTicks: readProcess(pid)?.startTicks ?? null };
  } catch {
    // Closed already: there is nobody to answer.
    return null;
  }
}

type Reply = (request: Request) => Answer | Promise<Answer>;

async function serve(socket: Socket, answer: Reply, times: ServerTimes): Promise<void> {
  const line = await firstLine(socket, REQUEST_LIMIT_BYTES, times.clientMs);
  if (line === 'nothing' || socket.destroyed) return void socket.destroy();
  const request =
    line === 'too-long' ? `the request is longer than ${REQUEST_LIMIT_BYTES} bytes` : readRequest(line.text);
  const reply = typeof request === 'string' ? refusal(request) : await answered(answer, request);
  if (socket.destroyed) return;
  // A stop's client waits for our end, which it sees by the connection's.
  const stays = typeof request !== 'string' && request.verb === 'stop' && reply.ok;
  const text = `${JSON.stringify(reply)}\n`;
  const deadline = setTimeout(() => socket.destroy(), times.clientMs);
  socket.once('close', () => clearTimeout(deadline));
  if (stays) socket.write(text, () => clearTimeout(deadline));
  else socket.end(text);
}

async function answered(answer: Reply, request: Request): Promise<Answer> {
  try {
    return await answer(request);
  } catch (error) {
    return refusal(reasonOf(error));
  }
}

function refusal(why: string): Answer {
  return { ok: false, why, exit: EXIT.usage };
}
