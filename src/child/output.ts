import type { Readable } from 'node:stream';
import { type Mono, type Stamp, timerMs } from '../core/units.ts';
import { countRun, createRing, type RunOutput } from './block-queue.ts';
import { PIPE_BYTES, type Reader, type Take } from './reader.ts';
import type { Outputs, Sink } from './sink.ts';

/** Which of the child's outputs bytes came from. Where ours are one file, both of the child's are one pipe and count as stdout. */
export type StreamName = 'stdout' | 'stderr';

/** Sees every byte of the child on its way. The buffer is reused: keep a copy, never the buffer. */
export type Tap = (stream: StreamName, bytes: Buffer) => void;

/** What the watcher knows of the child's output. */
export interface OutputView {
  /** The last bytes of the current or last run, both streams in order of arrival, as a copy. */
  tail(maxBytes?: number): Buffer;
  /** When bytes last came, since the watcher began; null before the first. */
  readonly lastOutputAt: Mono | null;
  /** Bytes read since the watcher began. */
  readonly totalBytes: Readonly<Record<StreamName, number>>;
  /** What the current or last run has written. */
  readonly written: Readonly<RunOutput>;
  /** Since when the child's output is not read because our reader takes none; null if it is read. */
  readonly blockedSince: Stamp | null;
  /** Adds a consumer; returns how to remove it. */
  tap(tap: Tap): () => void;
  /**
   * Waits until our readers took everything, `timeoutMs` at most. Returns how many bytes were left; those in the pipes are thrown
   * away, so this is for the very end.
   */
  flush(timeoutMs: number): Promise<number>;
}

/** At most this much a stream waits in memory for a reader. */
const WAITING_LIMIT_BYTES = 1024 * 1024;
// After a pause one read may still be under way, and a whole pipe of last words may follow.
const PAUSE_AT_BYTES = WAITING_LIMIT_BYTES - 2 * PIPE_BYTES;
// With more than a block waiting nothing can be handed on without a copy.
const RESUME_AT_BYTES = WAITING_LIMIT_BYTES / 16;
/** A pause shorter than this is a slow reader at work, not worth telling. */
const TELL_BLOCKED_AFTER_MS = 1000;

/** The way of one stream: from a pipe through ring and taps to a sink. */
interface Lane {
  name: StreamName;
  sink: Sink;
  readers: Set<Reader>;
  pausedSince: Stamp | null;
}

/** What goes on inside the room. */
export interface Output extends OutputView {
  /** Begins to read a pipe. */
  attach(name: StreamName, open: (take: Take, pass: Sink['pass']) => Reader): Reader;
  detach(name: StreamName, reader: Reader): void;
  /** Reads at once what the pipes hold, as far as it may wait in memory. Returns the number of bytes. */
  drain(): number;
  /** The ring is of one run. */
  startRun(): void;
  close(): void;
}

/** Joins ring, taps and sinks. `onBlocked` is told when a stalled reader has blocked the child for a second, and null when that is over. */
export function createOutput(
  ringBytes: number,
  outputs: Outputs,
  now: () => Stamp,
  onBlocked: (since: Stamp | null) => void,
): Output {
  const ring = createRing(ringBytes);
  const taps = new Set<Tap>();
  const totalBytes = { stdout: 0, stderr: 0 };
  const lanes: Record<StreamName, Lane> = {
    stdout: { name: 'stdout', sink: outputs.stdout, readers: new Set(), pausedSince: null },
    stderr: { name: 'stderr', sink: outputs.stderr, readers: new Set(), pausedSince: null },
  };
  const both = [lanes.stdout, lanes.stderr];
  const blocked = watchBlocked(() => earliest(both), onBlocked);
  const run = countRun(() => now().mono);
  let lastOutputAt: Mono | null = null;

  function take(lane: Lane, bytes: Buffer, passed: number): void {
    lastOutputAt = now().mono;
    run.add(bytes, lastOutputAt);
    totalBytes[lane.name] += bytes.length;
    if (passed < bytes.length) lane.sink.write(passed === 0 ? bytes : bytes.subarray(passed));
    ring.push(bytes);
    for (const tap of taps) tap(lane.name, bytes);
    if (lane.pausedSince === null && lane.sink.waitingBytes >= PAUSE_AT_BYTES) {
      lane.pausedSince = now();
      for (const reader of lane.readers) reader.pause();
      blocked.changed();
    }
  }

  for (const lane of both) {
    lane.sink.onProgress(() => {
      if (lane.pausedSince === null || lane.sink.waitingBytes > RESUME_AT_BYTES) return;
      lane.pausedSince = null;
      for (const reader of lane.readers) reader.resume();
      blocked.changed();
    });
  }

  function drain(): number {
    let total = 0;
    for (const lane of both)
      for (const reader of lane.readers)
        if (lane.sink.waitingBytes + PIPE_BYTES <= WAITING_LIMIT_BYTES) total += reader.drain(PIPE_BYTES);
    return total;
  }

  async function flush(timeoutMs: number): Promise<number> {
    const deadline = now().mono + timeoutMs;
    const sinks = [...new Set(both.map(lane => lane.sink))];
    const waiting = () => sinks.reduce((sum, sink) => sum + sink.waitingBytes, 0);
    for (;;) {
      if (drain() === 0 && waiting() === 0) return 0;
      const leftMs = deadline - now().mono;
      if (leftMs <= 0) break;
      await progress(both, Math.min(leftMs, FLUSH_LOOK_MS));
    }
    let unread = 0;
    for (const lane of both) for (const reader of lane.readers) unread += reader.discard(PIPE_BYTES);
    return waiting() + unread;
  }

  return {
    attach(name, open) {
      const lane = lanes[name];
      const reader = open((bytes, passed) => take(lane, bytes, passed), lane.sink.pass);
      lane.readers.add(reader);
      if (lane.pausedSince !== null) reader.pause();
      return reader;
    },
    detach: (name, reader) => lanes[name].readers.delete(reader),
    drain,
    flush,
    tail: maxBytes => ring.tail(maxBytes),
    startRun() {
      ring.reset();
      run.startRun();
    },
    totalBytes,
    get written() {
      return run.written;
    },
    get lastOutputAt() {
      return lastOutputAt;
    },
    get blockedSince() {
      return earliest(both);
    },
    tap(tap) {
      taps.add(tap);
      return () => taps.delete(tap);
    },
    close() {
      blocked.close();
      for (const lane of both) for (const reader of lane.readers) reader.close();
    },
  };
}

const FLUSH_LOOK_MS = 50;

function progress(lanes: Lane[], waitMs: number): Promise<void> {
  return new Promise(resolve => {
    const stops = lanes.map(lane => lane.sink.onProgress(done));
    const timer = setTimeout(done, timerMs(waitMs));
    function done(): void {
      clearTimeout(timer);
      for (const stop of stops) stop();
      resolve();
    }
  });
}

function earliest(lanes: Lane[]): Stamp | null {
  let first: Stamp | null = null;
  for (const { pausedSince } of lanes)
    if (pausedSince !== null && (first === null || pausedSince.mono < first.mono)) first = pausedSince;
  return first;
}

// A fast child before a slower reader is paused and resumed many times a second: only a pause that lasts is told.
function watchBlocked(since: () => Stamp | null, tell: (since: Stamp | null) => void) {
  let timer: NodeJS.Timeout | null = null;
  let told = false;
  return {
    changed(): void {
      if (since() !== null) {
        timer ??= setTimeout(() => {
          timer = null;
          const at = since();
          if (at === null) return;
          told = true;
          tell(at);
        }, TELL_BLOCKED_AFTER_MS);
        return;
      }
      if (timer !== null) clearTimeout(timer);
      timer = null;
      if (told) tell(null);
      told = false;
    },
    close(): void {
      if (timer !== null) clearTimeout(timer);
    },
  };
}

/** How long after the child's end its sockets may stay silent before what came is taken for all. */
const LAST_WORDS_QUIET_MS = 20;

/**
 * Reads the sockets that Node makes where no pipes could be made: a pair for each run. Returns how to wait, after the child's end, until
 * its last words have come: the streams' end, or silence if another process still holds them.
 */
export function attachStreams(streams: Record<StreamName, Readable>, output: Output): () => Promise<void> {
  const open = new Set<StreamName>(['stdout', 'stderr']);
  let heard = () => {};
  for (const name of open) {
    const stream = streams[name];
    const reader = output.attach(name, take => {
      stream.on('data', (bytes: Buffer) => {
        take(bytes, 0);
        heard();
      });
      return {
        pause: () => stream.pause(),
        resume: () => stream.resume(),
        drain: () => 0,
        discard: () => 0,
        close: () => stream.destroy(),
      };
    });
    stream.once('close', () => {
      output.detach(name, reader);
      open.delete(name);
      heard();
    });
    stream.on('error', () => {
      // Followed by close, which says all there is to say.
    });
  }
  return () =>
    new Promise(resolve => {
      let timer = setTimeout(resolve, LAST_WORDS_QUIET_MS);
      heard = () => {
        clearTimeout(timer);
        if (open.size === 0) resolve();
        else timer = setTimeout(resolve, LAST_WORDS_QUIET_MS);
      };
      if (open.size === 0) resolve();
    });
}
