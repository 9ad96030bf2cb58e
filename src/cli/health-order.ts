import { stampNow } from '../host/clock.ts';
import type { HealthOrder } from '../supervisor/probing.ts';
import type { HealthSettings, Settings } from './settings.ts';
import { nearest, UsageError } from './usage-error.ts';

/** A file or URL is read once before anything starts, for at most so long. */
const FIRST_READ_MS = 5000;

/**
 * The probes and the kill condition, ready to be watched. Throws a UsageError for a condition that does not parse, or
 * that needs a number which its readable source does not have: a typo would otherwise be blind for ever.
 */
export async function healthOrder(
  { health, identity }: Settings,
  env: Readonly<Record<string, string>>,
): Promise<HealthOrder> {
  const { probes, killWhen, intervalMs } = health;
  return {
    specs: probes,
    intervalMs,
    killWhen: killWhen === null ? null : await killWhenOf(killWhen, health, { cwd: identity.cwd, env }),
  };
}

async function killWhenOf(
  written: string,
  health: HealthSettings,
  place: { cwd: string; env: Readonly<Record<string, string>> },
): Promise<NonNullable<HealthOrder['killWhen']>> {
  const { openKillWhen, parseKillWhen } = await import('../probes/kill-when/kill-when.ts');
  const condition = await parseKillWhen(written);
  if (typeof condition === 'string') throw new UsageError(`--kill-when: ${condition}`);
  const errorRate = health.probes.find(probe => probe.kind === 'error-rate');
  const needs = {
    ...place,
    metrics: health.metrics,
    maxAgeMs: health.metricsMaxAgeMs,
    timeLimitMs: health.timeoutMs,
    errorPattern: errorRate?.kind === 'error-rate' ? errorRate.pattern : null,
    now: stampNow,
  };
  const missing = await openKillWhen(condition, { ...needs, restarts: () => 0 }).missingName(
    AbortSignal.timeout(FIRST_READ_MS),
  );
  if (missing !== null) {
    throw new UsageError(
      `--kill-when: no source has "${missing.name}"; the nearest is "${nearest(missing.name, missing.known)}"`,
    );
  }
  const open = (restarts: () => number) => openKillWhen(condition, { ...needs, restarts });
  return { open, maxAgeMs: health.metricsMaxAgeMs, blindTrips: health.killWhenBlind };
}
