import type { Mono } from '../../core/time.ts';
import { DOCUMENT_BYTES, type MetricsSource, type Reading } from './source.ts';
import { type Metrics, parseMetrics } from './values.ts';

/** The JSON answer of a GET. A failed one leaves the former values, at their age. */
export function urlSource(address: string, timeLimitMs: number, now: () => Mono): MetricsSource {
  const url = new URL(address);
  let last: { values: Metrics; at: Mono } | null = null;
  return {
    label: url.host,
    from: 'now',
    async read(abort): Promise<Reading> {
      const { exchange } = await import('../../host/http-exchange.ts');
      const headers = { accept: 'application/json' };
      const rest = { headers, body: null, answerLimitBytes: DOCUMENT_BYTES, abort, proxyEnv: null };
      const answer = await exchange({ url, method: 'GET', timeLimitMs, ...rest });
      if (answer.kind === 'unanswered') return last ?? { fault: `${url.host}: ${answer.why}` };
      if (answer.status !== 200) return last ?? { fault: `${url.host} answers HTTP ${answer.status}` };
      const values = answer.cut === null ? parseMetrics(answer.body) : 'gave no whole answer';
      if (typeof values === 'string') return last ?? { fault: `the answer of ${url.host} ${values}` };
      last = { values, at: now() };
      return last;
    },
  };
}
