import type { SecretUrl } from '../../alerts/target.ts';
import type { Policy } from '../../core/model.ts';
import { durationText } from '../../core/units.ts';
import type { DiagnosisSettings as Consultation } from '../../diagnosis/diagnose.ts';
import { stampNow } from '../../host/clock.ts';
import { readTrustedFile } from '../../host/trusted-file.ts';
import type { Observer } from '../../supervisor/observers/observer.ts';
import type { HealthOrder } from '../../supervisor/probing.ts';
import type { JudgeOrder, NotificationSettings } from '../../supervisor/watch-order.ts';
import { type Environment, version } from '../environment.ts';
import { didYouMean, UsageError } from '../usage-error.ts';
import type { AlertSettings, DiagnosisSettings, HealthSettings, JudgeSettings, Settings } from './invocation.ts';

/** Who is told and who is asked, and what has to be said of it at the start. */
export interface NotificationPlan extends NotificationSettings {
  notes: readonly string[];
}

/**
 * Where alerts go and which model is asked, with secret addresses read from their files. Throws a UsageError for an
 * invalid address: a mistyped one must not be found out when the first alert is due.
 */
export async function notificationSettings(
  { alerts, diagnosis, judge, health }: Settings,
  here: Environment,
): Promise<NotificationPlan> {
  const { order, notes } = await alertOrder(alerts, health.intervalMs, here);
  return { alerts: order, diagnosis: await consultation(diagnosis, here), judge: await judgeOrder(judge, here), notes };
}

/** The judge as it was asked for. */
async function judgeOrder(judge: JudgeSettings | null, here: Environment): Promise<JudgeOrder | null> {
  if (judge === null) return null;
  const model = await consultation(judge.model, here);
  return model === null ? null : { ...judge, model };
}

async function alertOrder(
  settings: AlertSettings,
  intervalMs: number,
  { env, cwd }: Environment,
): Promise<{ order: NotificationSettings['alerts']; notes: readonly string[] }> {
  const { webhooks, commands, files, heartbeat } = settings;
  if (webhooks.length + commands.length + files.length === 0 && heartbeat === null) return { order: null, notes: [] };
  const { readTargets } = await import('../../alerts/target.ts');
  const { targets, faults, notes } = readTargets(settings);
  if (faults[0] !== undefined) throw new UsageError(faults[0]);
  const beat = heartbeat === null ? null : { url: await addressOf(heartbeat, '--heartbeat-url'), intervalMs };
  return { order: { ...settings, targets, heartbeat: beat, env, cwd }, notes };
}

/** The model to ask, as the room of diagnosis wants to know it; null: the rules are all. */
export async function consultation(
  { diagnose, ...settings }: DiagnosisSettings,
  { env, cwd }: Environment,
): Promise<Consultation | null> {
  if (diagnose.kind === 'off' || diagnose.kind === 'rules') return null;
  const provider =
    diagnose.kind === 'command' ? { kind: diagnose.kind, command: diagnose.command } : { kind: diagnose.kind };
  const url = settings.url === null ? null : await addressOf(settings.url, '--llm-url');
  return { ...settings, provider, url, env, cwd };
}

async function addressOf(secret: SecretUrl, where: string): Promise<URL> {
  const { openSecretUrl } = await import('../../alerts/target.ts');
  const read = openSecretUrl(secret);
  if ('refused' in read) throw new UsageError(`${where}: ${read.refused}`);
  return read.url;
}

/** The longest wait between an agent's own retries, which come after 60, 300 and 360 s: a shorter limit ends one that would recover. */
const OWN_RETRIES_MS = 360_000;

/** What to say at the start of the probes that were asked for. */
export function healthNotes({ probes }: HealthSettings): string[] {
  return probes.flatMap(probe =>
    probe.kind === 'stale' && probe.when === 'idle' && !probe.early && probe.afterMs < OWN_RETRIES_MS
      ? [
          `--stale-when idle with --stale-after ${durationText(probe.afterMs)}: agents retry by themselves for up to 6m; 10m is the suggested time`,
        ]
      : [],
  );
}

/** The time limit for reading a file or URL once before anything starts. */
const FIRST_READ_MS = 5000;

/**
 * The probes and the kill condition, ready to be watched. Throws a UsageError for a condition that does not parse, or
 * that needs a number which its readable source does not have: with a typo it would otherwise never trip.
 */
export async function healthOrder(
  { health, identity }: Settings,
  env: Readonly<Record<string, string>>,
): Promise<HealthOrder> {
  const { probes, killWhen, intervalMs } = health;
  const asks = (kind: string) => probes.some(probe => probe.kind === kind);
  return {
    specs: probes,
    intervalMs,
    timeoutMs: health.timeoutMs,
    metrics: health.metrics,
    createRhythm: asks('rhythm') ? (await import('../../probes/budget-keeper.ts')).createRhythmKeeper : null,
    createBudget: asks('budget') ? (await import('../../probes/budget-keeper.ts')).createBudgetKeeper : null,
    killWhen: killWhen === null ? null : await killWhenOf(killWhen, health, { cwd: identity.cwd, env }),
  };
}

async function killWhenOf(
  written: string,
  health: HealthSettings,
  place: { cwd: string; env: Readonly<Record<string, string>> },
): Promise<NonNullable<HealthOrder['killWhen']>> {
  const { openKillWhen, parseKillWhen } = await import('../../probes/kill-when/kill-when.ts');
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
      `--kill-when: no source of --metrics has "${missing.name}"${didYouMean(missing.name, missing.known)}`,
    );
  }
  const open = (restarts: () => number) => openKillWhen(condition, { ...needs, restarts });
  return { open, maxAgeMs: health.metricsMaxAgeMs, blindTrips: health.killWhenBlind };
}

/** The view over HTTP, if --listen asks for one. Throws a UsageError for a token file that is none, or not to be trusted. */
export async function listenerOf(
  { service, command }: Settings,
  watched: { name: string; policy: Policy; warn(text: string): void },
): Promise<Observer | null> {
  const { listen, listenTokenFile } = service;
  if (listen === null) return null;
  const token = listenTokenFile === null ? null : tokenIn(listenTokenFile);
  const { createListening } = await import('../../supervisor/observers/listening.ts');
  return createListening({ ...listen, ...watched, token, command, version });
}

/** The token that readers over HTTP must know. Throws a UsageError for a file that is none, or not to be trusted. */
export function tokenIn(path: string): string {
  const read = readTrustedFile(path);
  if ('refused' in read) throw new UsageError(`--listen-token-file: ${read.refused}`);
  const token = read.text.trim();
  if (token.length < 16) throw new UsageError(`--listen-token-file: ${path} holds less than 16 characters`);
  return token;
}
