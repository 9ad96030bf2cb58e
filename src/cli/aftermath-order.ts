import type { DiagnosisSettings as Consultation } from '../diagnosis/choose-provider.ts';
import type { AftermathOrder } from '../supervisor/aftermath.ts';
import type { Surroundings } from './environment.ts';
import type { AlertSettings, DiagnosisSettings, Settings } from './settings.ts';
import { UsageError } from './usage-error.ts';
import type { SecretUrl } from './values/places.ts';

/** Who is told and who is asked, and what has to be said of it at the start. */
export interface AftermathPlan extends AftermathOrder {
  notes: readonly string[];
}

/**
 * Where alerts go and which model is asked, with secret addresses read from their files. Throws a UsageError for an
 * address that is none: whoever wants to be told must not find out at night that nobody was.
 */
export async function aftermathOrder(
  { alerts, diagnosis, health }: Settings,
  here: Surroundings,
): Promise<AftermathPlan> {
  const { order, notes } = await alertOrder(alerts, health.intervalMs, here);
  return { alerts: order, diagnosis: await consultation(diagnosis, here), notes };
}

async function alertOrder(
  settings: AlertSettings,
  intervalMs: number,
  here: Surroundings,
): Promise<{ order: AftermathOrder['alerts']; notes: readonly string[] }> {
  const { webhooks, commands, files, heartbeat } = settings;
  if (webhooks.length + commands.length + files.length === 0 && heartbeat === null) return { order: null, notes: [] };
  const { env, cwd } = here;
  const { readTargets } = await import('../alerts/target.ts');
  const given = webhooks.flatMap(({ from, target }) => (from === 'option' ? [textOf(target)] : []));
  // Its own look at the environment tells it that nobody asked on the command line for that address.
  const known = webhooks.length > given.length ? env : {};
  const { targets, faults, notes } = readTargets({ ...settings, webhooks: given, env: known, cwd });
  if (faults[0] !== undefined) throw new UsageError(faults[0]);
  const beat =
    heartbeat === null ? null : { url: new URL(await addressOf(heartbeat, '--heartbeat-url', cwd)), intervalMs };
  return {
    order: { targets, on: new Set(settings.on), cooldownMs: settings.cooldownMs, heartbeat: beat, env, cwd },
    notes,
  };
}

/** The model to ask, as the room of diagnosis wants to know it; null: the rules are all. */
export async function consultation(
  settings: DiagnosisSettings,
  { env, cwd }: Surroundings,
): Promise<Consultation | null> {
  const { diagnose, model, baseUrl, timeoutMs, maxCalls, keyFile } = settings;
  if (diagnose.kind === 'off' || diagnose.kind === 'rules') return null;
  const provider =
    diagnose.kind === 'command' ? { kind: diagnose.kind, command: diagnose.command } : { kind: diagnose.kind };
  const url = baseUrl === null ? null : await addressOf(baseUrl, '--llm-url', cwd);
  return { provider, model, url, timeoutMs, maxCalls, keyFile, env, cwd };
}

async function addressOf(secret: SecretUrl, where: string, cwd: string): Promise<string> {
  const { readSecretUrl } = await import('../alerts/target.ts');
  const read = readSecretUrl(textOf(secret), cwd);
  if ('refused' in read) throw new UsageError(`${where}: ${read.refused}`);
  return read.url.href;
}

const textOf = (secret: SecretUrl): string => ('url' in secret ? secret.url : `@${secret.file}`);
