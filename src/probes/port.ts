import { connect } from 'node:net';
import { answer, LATE_MS, type Probe, type ProbeWorld } from './probe.ts';
import type { SpecOf } from './probe-spec.ts';

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
        if (seen === null) return answer(true, `accepts, in ${Math.round(world.now().mono - before)} ms`);
        fault ??= seen;
      }
      const tookMs = world.now().mono - before;
      if (abort.aborted || (fault === 'time' && tookMs > spec.timeoutMs + LATE_MS))
        return { kind: 'none', detail: 'not asked in time' };
      return answer(
        false,
        fault === 'time' ? `nothing accepted in ${spec.timeoutMs} ms` : (fault ?? 'nothing accepts'),
      );
    },
  };
}

/** null: it accepted; `time`: it did not answer; else why not. */
function attempt(host: string, port: number, timeoutMs: number, abort: AbortSignal): Promise<string | null> {
  return new Promise(resolve => {
    const socket = connect({ host, port });
    const timer = setTimeout(() => finish('time'), timeoutMs);
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
