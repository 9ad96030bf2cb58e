import type { Mono } from '../../core/time.ts';
import { createLineMatcher } from '../line-matcher.ts';
import { type Members, openMembers, residentBytes } from '../memory.ts';
import type { SlidingCount } from '../output-probes.ts';
import { ERROR_PATTERN, type WatchedRun } from '../probe.ts';
import type { Condition } from './condition.ts';

/** Names that are always there: bytes, seconds, counts. A source that has one of them comes first. */
export const BUILT_IN = ['memory', 'uptime', 'restarts', 'errors_per_hour', 'output_age'] as const;

/** A run's own numbers. */
export interface RunNumbers {
  hearOutput(at: Mono): void;
  memoryBytes(): number;
  uptimeSeconds(): number;
  outputAgeSeconds(): number;
  close(): void;
}

/** Counts from now on. The tree is only measured where the condition asks for it, by `shared` members or by its own. */
export function watchRun(run: WatchedRun, condition: Condition, mono: () => Mono, shared: Members | null): RunNumbers {
  const startedAt = mono();
  let lastBytesAt = startedAt;
  const own = shared === null && condition.names.includes('memory') ? openMembers(run) : null;
  const members = shared ?? own;
  return {
    hearOutput: at => {
      lastBytesAt = at;
    },
    memoryBytes: () => {
      const wanted = condition.names.includes('memory') && members !== null;
      return wanted ? residentBytes(members.look()) : 0;
    },
    uptimeSeconds: () => (mono() - startedAt) / 1000,
    outputAgeSeconds: () => (mono() - lastBytesAt) / 1000,
    close: () => own?.close(),
  };
}

/** The values of the built-in names; without a run its own numbers are 0. */
export function builtIns(restarts: number, errors: number, run: RunNumbers | null): Record<string, unknown> {
  const values: Record<(typeof BUILT_IN)[number], number> = {
    restarts,
    errors_per_hour: errors,
    memory: run?.memoryBytes() ?? 0,
    uptime: run?.uptimeSeconds() ?? 0,
    output_age: run?.outputAgeSeconds() ?? 0,
  };
  return values;
}

/** Counts the lines that tell of an error. */
export function errorCounter(errors: SlidingCount, pattern: RegExp | null) {
  const matcher = createLineMatcher(pattern ?? ERROR_PATTERN);
  return (lines: readonly string[], at: Mono): void => {
    let found = 0;
    matcher.scan(lines, () => ++found > 0);
    if (found > 0) errors.add(at, found);
  };
}
