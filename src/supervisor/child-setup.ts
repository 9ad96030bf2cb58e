import { closeSync, constants, fstatSync, openSync, readSync, statSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { isatty } from 'node:tty';
import type { Child } from '../child/child.ts';
import type { Outputs, Sink } from '../child/sink.ts';
import type { ChildPort, Report } from '../core/ports.ts';
import { type GivenDescriptors, SYSTEMD_VARIABLES } from '../host/inherited.ts';
import { libc } from '../host/libc.ts';
import { openRegularSync } from '../host/read-file.ts';
import { createOomProtection } from '../host/resource-limits.ts';
import type { StateFolder } from '../state/state-folder.ts';
import type { Observer } from './observers/observer.ts';
import type { Remedies } from './response/remedies.ts';

/** Variables meant for the watcher that must not reach the child: those of systemd for its main process, and our own. */
const OURS = [...SYSTEMD_VARIABLES, 'AGENT_WATCH_ALERT_WEBHOOK'];
const OUR_PREFIX = 'AGENT_WATCH_OPTION_';
/** Set anew for each run; a caller's own, where we are watched ourselves, must not shine through. */
const PER_RUN = ['AGENT_WATCH_RUN', 'AGENT_WATCH_RUN_ID', 'AGENT_WATCH_LAST_INCIDENT'];

/**
 * The environment of every run but for the run's own number and id: ours, what the options add, and what the contract
 * sets. PYTHONUNBUFFERED because a Python that writes into a pipe keeps its last words in a buffer, and takes them along when it is killed.
 */
export function childEnvironment(
  inherited: Readonly<Record<string, string | undefined>>,
  added: Readonly<Record<string, string>>,
  watcher: { name: string; stateDir: string; cwd: string },
): Record<string, string> {
  const environment: Record<string, string> = { PYTHONUNBUFFERED: '1' };
  for (const [name, value] of Object.entries(inherited)) {
    const ours = OURS.includes(name) || PER_RUN.includes(name) || name.startsWith(OUR_PREFIX);
    if (!ours && value !== undefined) environment[name] = value;
  }
  // Shells and programs believe it without a look.
  environment['PWD'] = watcher.cwd;
  Object.assign(environment, added);
  environment['AGENT_WATCH_NAME'] = watcher.name;
  environment['AGENT_WATCH_STATE_DIR'] = watcher.stateDir;
  return environment;
}

/** What comes with each start. */
export interface Starts {
  /** The descriptors that every run is given beside its three streams. */
  given: GivenDescriptors;
  /** Null: there are none. */
  remedies: Remedies | null;
  /** What only the next run is told. Asked once for each start. */
  runEnv(): Record<string, string>;
}

/** The child port of the machine: a start waits for remedies, and the child is killed before us when memory runs out. */
export function startsOf(child: Child, { given, remedies, runEnv }: Starts, report: Report): ChildPort {
  const { asInherited } = createOomProtection();
  return {
    spawn(run, runId, resume) {
      const start = () => given.during(() => asInherited(() => child.spawn(run, runId, resume, runEnv())));
      if (remedies === null) return start();
      remedies.before(start, why => report({ type: 'spawn-failed', runId, failure: { kind: 'other', why } }));
    },
    signalTree: child.signalTree,
    signalChild: child.signalChild,
    clear: child.clear,
  };
}

/** Hands the output of one run to the next, as its standard input: through a file, since whole runs lie between. */
export interface LastOutput {
  /** Keeps what a run wrote that has ended. */
  keep(output: Buffer): void;
  /** What the next run reads; null if there is nothing yet. */
  feed(): number | null;
}

const FILE = 'last-output';
const { O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_TRUNC, O_WRONLY } = constants;

export function createLastOutput(place: StateFolder): LastOutput {
  return {
    keep(output) {
      try {
        const fd = openRegularSync(place.at(FILE), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600);
        try {
          writeFileSync(fd, output);
        } finally {
          closeSync(fd);
        }
      } catch {
        // A disk that takes nothing: the next run reads what an earlier one wrote, or nothing.
      }
    },
    feed() {
      try {
        return openRegularSync(place.at(FILE), O_RDONLY | O_NOFOLLOW);
      } catch {
        // The first run ever.
        return null;
      }
    },
  };
}

/**
 * Modes that a program which draws on a terminal switches on, and a sudden end leaves on: alternate screen, mouse, focus,
 * bracketed paste. The cursor is the reverse: hidden is off. Source: DECSET in xterm's control sequences.
 */
const MODES: ReadonlySet<number> = new Set([47, 1047, 1049, 1000, 1002, 1003, 1004, 1005, 1006, 1015, 2004]);
const CURSOR = 25;
const ESCAPE = 27;
const change = /\u001b\[\?([\d;]{1,40})([hl])/g;
/** A sequence may come in two pieces. */
const CARRY_CHARS = 48;

/** Puts our terminal back in order when a program that drew on it has ended. Null: neither of our outputs is a terminal. */
export function createTerminalModes({ stdout, stderr }: Outputs): Observer | null {
  const sinks = { stdout: isatty(1) ? stdout : null, stderr: isatty(2) ? stderr : null };
  const terminal: Sink | null = sinks.stdout ?? sinks.stderr;
  if (terminal === null) return null;
  const left = new Set<number>();
  let carried = '';
  return {
    hear(stream, bytes) {
      if (sinks[stream] === null || (carried === '' && !bytes.includes(ESCAPE))) return;
      const text = carried + bytes.toString('latin1');
      let read = 0;
      for (const found of text.matchAll(change)) {
        read = found.index + found[0].length;
        for (const mode of (found[1] ?? '').split(';').map(Number)) {
          if (mode !== CURSOR && !MODES.has(mode)) continue;
          if ((found[2] === 'h') === (mode !== CURSOR)) left.add(mode);
          else left.delete(mode);
        }
      }
      const rest = text.slice(Math.max(read, text.lastIndexOf('\u001b')));
      carried = rest.startsWith('\u001b') && rest.length < CARRY_CHARS ? rest : '';
    },
    fact({ type }) {
      if (type !== 'child-exited') return;
      carried = '';
      if (left.size === 0) return;
      const off = [...left].map(mode => `\u001b[?${mode}${mode === CURSOR ? 'h' : 'l'}`);
      left.clear();
      terminal.write(Buffer.from(`${off.join('')}\u001b[0m`));
    },
  };
}

/** Opens what the next run reads on its standard input; whoever asks closes it. Null: there is nothing (more). */
export type RunInput = () => number | null;

/** A pipe that ended within so much is given to each run again; what is longer, or goes on, is a stream of orders. */
const KEPT_BYTES = 1024 * 1024;
const BLOCK_BYTES = 65_536;

/** A file that is opened anew for each run. Throws where it cannot be opened, or is a named pipe, which would keep us waiting for a writer. */
export function fileInput(path: string): RunInput {
  return () => {
    if (statSync(path).isFIFO()) throw new Error(`${path} is a named pipe`);
    return openSync(path, O_RDONLY);
  };
}

/**
 * Our own standard input, if it is a pipe: passed on to the first run as it comes, and, once it has ended, whole to each
 * later one. Null where it is no pipe, or cannot be relayed: then the first run gets the descriptor itself.
 */
export function pipeInput(say: (text: string) => void): RunInput | null {
  const source = isPipe() ? ownSource() : null;
  if (source === null) return null;
  const whole = createKeeper();
  let told = false;
  let started = false;
  return () => {
    // Its last run has ended: what came meanwhile belongs to no run, and its end may be among it.
    if (started) whole.readNow(source);
    const bytes = started ? whole.bytes() : null;
    if (started && bytes === null) return null;
    const pipe = newPipe();
    if (pipe === null) return null;
    if (bytes === null) {
      started = true;
      relay(source, pipe.out, whole);
    } else {
      if (!told) say(`standard input ended after ${bytes.length} bytes: each run reads it again`);
      told = true;
      pipe.out.end(bytes);
    }
    return pipe.readFd;
  };
}

/** What was read so far, as long as its end may still be near. */
function createKeeper() {
  let kept: Buffer[] | null = [];
  let length = 0;
  let ended = false;
  const take = (chunk: Buffer) => {
    length += chunk.length;
    if (length > KEPT_BYTES) kept = null;
    kept?.push(chunk);
  };
  return {
    take,
    end() {
      ended = true;
    },
    /** Its number may soon mean another file. */
    giveUp() {
      kept = null;
    },
    /** It is too long to be given again. */
    get tooLong() {
      return kept === null;
    },
    /** All of it; null while it goes on, or if it is too long. */
    bytes: () => (ended && kept !== null ? Buffer.concat(kept) : null),
    readNow(fd: number) {
      const block = Buffer.alloc(BLOCK_BYTES);
      try {
        for (let count = -1; count !== 0 && kept !== null && !ended; ) {
          count = readSync(fd, block);
          if (count === 0) ended = true;
          else take(Buffer.from(block.subarray(0, count)));
        }
      } catch {
        // EAGAIN: nothing more at the moment. EBADF: closed, all was read.
      }
    },
  };
}

/** Passes on what comes. Reads on even if no run takes it, while the end of the input may still be near. */
function relay(source: number, out: Socket, whole: ReturnType<typeof createKeeper>): void {
  const input = new Socket({ fd: source, readable: true, writable: false });
  input.unref();
  input.on('error', () => {
    whole.giveUp();
    input.destroy();
  });
  input.on('data', (chunk: Buffer) => {
    whole.take(chunk);
    if (whole.tooLong && out.destroyed) return void input.destroy();
    if (out.destroyed || out.write(chunk)) return;
    input.pause();
    const resume = () => input.resume();
    out.once('drain', resume).once('close', resume);
  });
  input.on('end', () => {
    whole.end();
    out.end();
    input.destroy();
  });
}

function isPipe(): boolean {
  try {
    return fstatSync(0).isFIFO();
  } catch {
    // It is closed.
    return false;
  }
}

/** An open file of our own on the same pipe: the flags of the one we inherited are not ours to change. */
function ownSource(): number | null {
  if (libc() === null) return null;
  try {
    return openSync('/proc/self/fd/0', O_RDONLY | O_NONBLOCK);
  } catch {
    // No /proc, or another user's pipe.
    return null;
  }
}

/** A pipe whose reading end blocks, as a child expects; an end of the run that reads it ends the writing. */
function newPipe(): { readFd: number; out: Socket } | null {
  try {
    const pipe = libc()?.pipe();
    if (pipe === undefined) return null;
    const readFd = openSync(`/proc/self/fd/${pipe.readFd}`, 'r');
    closeSync(pipe.readFd);
    const out = new Socket({ fd: pipe.writeFd, readable: false, writable: true });
    out.unref();
    out.on('error', () => out.destroy());
    return { readFd, out };
  } catch {
    // No descriptor is left: the spawn says so.
    return null;
  }
}
