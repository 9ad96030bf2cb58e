import { promises as files } from 'node:fs';
import { connect } from 'node:net';
import { lastWords, plainLine, wholeStart, withoutSplitStart } from '../core/text.ts';
import { durationText, sizeText, timerMs, type Wall } from '../core/units.ts';
import type { Answered } from '../host/http-exchange.ts';
import { errnoOf, reasonOf } from '../host/read-file.ts';
import { createLineMatcher } from './output-feed.ts';
import {
  answer,
  type BudgetKeeper,
  LATE_MS,
  type Probe,
  type ProbeWorld,
  QUOTED_CHARS,
  type SpeakUp,
  type SpecOf,
  type WatchedRun,
} from './probe.ts';

const BODY_BYTES = 65_536;

/** Well if a GET brings a 2xx in time, and its body, the first 64 KiB of it, matches. Redirects are answers like any other. */
export function httpProbe(spec: SpecOf<'http'>, world: ProbeWorld): Probe {
  const url = new URL(spec.url);
  const matcher = spec.expect === null ? null : createLineMatcher(spec.expect, BODY_BYTES);
  return {
    async ask(abort) {
      const { exchange, trusting } = await import('../host/http-exchange.ts');
      const before = world.now().mono;
      const trusted = spec.caFile === null ? null : await trusting(spec.caFile).catch(reasonOf);
      if (typeof trusted === 'string') return answer(false, `${spec.caFile} cannot be read: ${trusted}`);
      const answered = await exchange({
        url,
        method: 'GET',
        headers: { accept: '*/*' },
        body: null,
        timeLimitMs: spec.timeoutMs,
        answerLimitBytes: BODY_BYTES,
        abort,
        proxyEnv: null,
        tolerant: true,
        trusted,
      });
      const tookMs = world.now().mono - before;
      if (answered.kind === 'unanswered') {
        if (answered.fault === 'aborted' || (answered.fault === 'time' && tookMs > spec.timeoutMs + LATE_MS))
          return { kind: 'none', detail: 'no check in time' };
        return answer(false, answered.why);
      }
      if (answered.cut === 'time' && tookMs > spec.timeoutMs + LATE_MS)
        return { kind: 'none', detail: 'no check in time' };
      return judge(answered, tookMs);
    },
  };

  function judge({ status, body, cut }: Answered, tookMs: number) {
    if (status < 200 || status > 299) return answer(false, `HTTP ${status}${bodyText(body)}`);
    if (matcher === null) return answer(true, `HTTP ${status} in ${durationText(tookMs)}`);
    if (cut === 'time')
      return answer(false, `HTTP ${status}, but its body did not end in ${durationText(spec.timeoutMs)}`);
    if (cut === 'lost') return answer(false, `HTTP ${status}, but the connection was cut`);
    return bodyMatches(body)
      ? answer(true, `HTTP ${status} in ${durationText(tookMs)}, the body matches`)
      : answer(false, `HTTP ${status}, but the body does not match ${spec.expect}${bodyText(body)}`);
  }

  // As a whole, for patterns that span lines; and line by line, for anchors.
  function bodyMatches(body: string): boolean {
    let found = false;
    matcher?.scan([body, ...body.split('\n', 1000)], () => {
      found = true;
      return false;
    });
    return found;
  }
}

/** The start of a body that explains a failure, as one line. */
function bodyText(body: string): string {
  const text = plainLine(wholeStart(body.replace(/\s+/g, ' '), QUOTED_CHARS));
  return text === '' ? '' : `: ${text}`;
}

/** Well if something accepts. The connection is closed at once. Loopback means both of its addresses: servers bind one or the other. */
export function portProbe(spec: SpecOf<'port'>, world: ProbeWorld): Probe {
  const hosts = spec.host === '127.0.0.1' || spec.host === 'localhost' ? ['127.0.0.1', '::1'] : [spec.host];
  return {
    async ask(abort) {
      const before = world.now().mono;
      let fault: string | null = null;
      for (const host of hosts) {
        const leftMs = Math.max(1, spec.timeoutMs - (world.now().mono - before));
        const seen = await attempt(host, spec.port, leftMs, abort);
        if (seen === null) return answer(true, `accepts, in ${durationText(world.now().mono - before)}`);
        fault ??= seen;
      }
      const tookMs = world.now().mono - before;
      if (abort.aborted || (fault === 'time' && tookMs > spec.timeoutMs + LATE_MS))
        return { kind: 'none', detail: 'no check in time' };
      return answer(
        false,
        fault === 'time' ? `no connection accepted in ${durationText(spec.timeoutMs)}` : (fault ?? 'nothing accepts'),
      );
    },
  };
}

/** null: it accepted; `time`: it did not answer; else why not. */
function attempt(host: string, port: number, timeoutMs: number, abort: AbortSignal): Promise<string | null> {
  return new Promise(resolve => {
    const socket = connect({ host, port });
    const timer = setTimeout(() => finish('time'), timerMs(timeoutMs));
    const onAbort = () => finish('aborted');
    function finish(fault: string | null): void {
      clearTimeout(timer);
      abort.removeEventListener('abort', onAbort);
      socket.destroy();
      resolve(fault);
    }
    abort.addEventListener('abort', onAbort);
    socket.once('connect', () => finish(null));
    socket.on('error', (error: NodeJS.ErrnoException) =>
      finish(words[error.code ?? ''] ?? `no connection (${error.code})`),
    );
  });
}

const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  ENOTFOUND: 'its host name is not known',
  EHOSTUNREACH: 'its host cannot be reached',
};

const KEEP_BYTES = 4096;

/** Well if the command exits with 0 in time. Its last line is the reason, if it gave one. */
export function checkProbe(spec: SpecOf<'check'>, run: WatchedRun, world: ProbeWorld): Probe {
  return {
    async ask(abort) {
      const { runProbeCommand } = await import('./run-check.ts');
      const before = world.now().mono;
      const end = await runProbeCommand({
        command: spec.command,
        cwd: world.cwd,
        env: world.commandEnv(run),
        timeLimitMs: spec.timeoutMs,
        keepBytes: KEEP_BYTES,
        abort,
      });
      const tookMs = world.now().mono - before;
      const late = end.over === 'time' && tookMs > spec.timeoutMs + LATE_MS + 1000;
      if (end.over === 'aborted' || late) return { kind: 'none', detail: 'no check in time' };
      const said = lastWords(whole(end.complaint)) || lastWords(whole(end.output));
      const words = said === '' ? '' : `: ${said}`;
      if (end.over === 'time') return answer(false, `did not finish within ${durationText(spec.timeoutMs)}${words}`);
      if (end.code === 0) return answer(true, `exit 0${words}`);
      return answer(false, `${end.code === null ? end.signal : `exit ${end.code}`}${words}`);
    },
  };
}

/** The output as far as it was kept: the first line of one that is longer was split. */
function whole(output: string): string {
  return Buffer.byteLength(output) < KEEP_BYTES ? output : withoutSplitStart(output);
}

/** The share of a budget at which it is alerted. */
const ALERT_SHARE = 0.8;

/** Well while there is some of a budget left. The stage that stops is made first and listens; the alerting one looks on. */
export function budgetProbe(spec: SpecOf<'budget'>, keeper: BudgetKeeper, speakUp: SpeakUp): Probe {
  const stops = spec.stage === 'stop';
  const { limit } = spec.budget;
  let failing = false;
  if (stops) keeper.startRun();

  const observation = () => {
    const { used, until, words } = keeper.view();
    failing = stops ? until !== null : used >= ALERT_SHARE * limit;
    return answer(!failing, words, stops ? until : null);
  };
  return {
    async ask(abort) {
      if (stops) await keeper.look(abort);
      return observation();
    },
    hearLines(lines) {
      if (stops) keeper.hear(lines);
      const before = failing;
      const seen = observation();
      if (failing && !before) speakUp(seen);
    },
    close() {
      if (stops) keeper.endRun();
    },
  };
}

// Loaded at its first use and not before the first start: node:fs/promises brings readline along.

/** When the file was changed last. Of a folder: when an entry of it came or went. */
export function freshFileProbe(spec: SpecOf<'fresh-file'>): Probe {
  return {
    async ask() {
      try {
        return { kind: 'file', mtime: Math.round((await files.stat(spec.path)).mtimeMs) as Wall };
      } catch (error) {
        const errno = errnoOf(error);
        if (errno === 'ENOENT' || errno === 'ENOTDIR') return { kind: 'file', mtime: null };
        return { kind: 'none', detail: `cannot be accessed (${errno ?? 'for no known reason'})` };
      }
    },
  };
}

// Loaded at its first use and not before the first start: node:fs/promises brings readline along.

/** Number and total size of the files that match, and the newest change among them. Folders do not count. */
export function growProbe(spec: SpecOf<'grow'>): Probe {
  return {
    async ask(abort) {
      let count = 0;
      let bytes = 0;
      let newest: number | null = null;
      // Asked of each entry, matching or not: a walk for a run that has ended is ended in the next folder.
      const exclude = () => abort.aborted;
      for await (const path of files.glob(spec.glob, { exclude })) {
        if (abort.aborted) return { kind: 'none', detail: 'no check in time' };
        const stats = await statOrNull(path);
        if (stats === null || !stats.isFile()) continue;
        count++;
        bytes += stats.size;
        newest = Math.max(newest ?? 0, Math.round(stats.mtimeMs));
      }
      return { kind: 'artifacts', count, bytes, newest: newest as Wall | null };
    },
  };
}

async function statOrNull(path: string) {
  try {
    return await files.stat(path);
  } catch {
    // Removed since it was listed, or not ours to look at.
    return null;
  }
}

// Loaded at its first use and not before the first start: node:fs/promises brings readline along.

/** Well while at least so much is free for a user who is not root. */
export function diskProbe(spec: SpecOf<'disk'>): Probe {
  return {
    async ask() {
      try {
        const { bavail, bsize } = await files.statfs(spec.path);
        const free = bavail * bsize;
        const enough = free >= spec.minFreeBytes;
        const detail = `${sizeText(free)} free on ${spec.path}`;
        return answer(enough, enough ? detail : `${detail}, less than ${sizeText(spec.minFreeBytes)}`, free);
      } catch (error) {
        return {
          kind: 'none',
          detail: `${spec.path} cannot be accessed (${errnoOf(error) ?? 'for no known reason'})`,
        };
      }
    },
  };
}
