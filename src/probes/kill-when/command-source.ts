import type { Mono } from '../../core/time.ts';
import { DOCUMENT_BYTES, type MetricsSource, type Reading } from './source.ts';
import { type Metrics, parseMetrics } from './values.ts';

/** What a command is run with. */
export interface CommandPlace {
  readonly command: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly timeLimitMs: number;
}

/** The JSON that a command writes to its standard output. A failed one leaves the former values, at their age. */
export function commandSource({ command, cwd, env, timeLimitMs }: CommandPlace, now: () => Mono): MetricsSource {
  let last: { values: Metrics; at: Mono } | null = null;
  return {
    label: `exec:${command}`,
    from: 'now',
    async read(abort): Promise<Reading> {
      const { runProbeCommand } = await import('../run-check.ts');
      const end = await runProbeCommand({ command, cwd, env, timeLimitMs, keepBytes: DOCUMENT_BYTES, abort });
      if (end.over !== null) return last ?? { fault: `${command} was not over after ${timeLimitMs} ms` };
      if (end.code !== 0) return last ?? { fault: `${command} ended with ${end.code ?? end.signal}` };
      const values = parseMetrics(end.output);
      if (typeof values === 'string') return last ?? { fault: `what ${command} writes ${values}` };
      last = { values, at: now() };
      return last;
    },
  };
}
