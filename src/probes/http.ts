import type { Answered } from '../host/http-exchange.ts';
import { createLineMatcher } from './line-matcher.ts';
import { answer, LATE_MS, type Probe, type ProbeWorld } from './probe.ts';
import type { SpecOf } from './probe-spec.ts';

const BODY_BYTES = 65_536;

/** Well if a GET brings a 2xx in time, and its body, the first 64 KiB of it, matches. Redirects are answers like any other. */
export function httpProbe(spec: SpecOf<'http'>, world: ProbeWorld): Probe {
  const url = new URL(spec.url);
  const matcher = spec.expect === null ? null : createLineMatcher(spec.expect, BODY_BYTES);
  return {
    async ask(abort) {
      const { exchange } = await import('../host/http-exchange.ts');
      const before = world.now().mono;
      const answered = await exchange({
        url,
        method: 'GET',
        headers: { accept: '*/*' },
        body: null,
        timeLimitMs: spec.timeoutMs,
        answerLimitBytes: BODY_BYTES,
        abort,
        proxyEnv: null,
      });
      const tookMs = world.now().mono - before;
      if (answered.kind === 'unanswered') {
        if (answered.fault === 'aborted' || (answered.fault === 'time' && tookMs > spec.timeoutMs + LATE_MS))
          return { kind: 'none', detail: 'not asked in time' };
        return answer(false, answered.why);
      }
      if (answered.cut === 'time' && tookMs > spec.timeoutMs + LATE_MS)
        return { kind: 'none', detail: 'not asked in time' };
      return judge(answered, tookMs);
    },
  };

  function judge({ status, body, cut }: Answered, tookMs: number) {
    if (status < 200 || status > 299) return answer(false, `HTTP ${status}`);
    if (matcher === null) return answer(true, `HTTP ${status} in ${Math.round(tookMs)} ms`);
    if (cut === 'time') return answer(false, `HTTP ${status}, but its body did not end in ${spec.timeoutMs} ms`);
    if (cut === 'lost') return answer(false, `HTTP ${status}, but the connection was cut`);
    return bodyMatches(body)
      ? answer(true, `HTTP ${status} in ${Math.round(tookMs)} ms, the body matches`)
      : answer(false, `HTTP ${status}, but the body does not match ${spec.expect}`);
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
