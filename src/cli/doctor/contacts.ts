import { readTargets } from '../../alerts/target.ts';
import { addressAsked, obstacleTo } from '../../diagnosis/choose-provider.ts';
import { aftermathOrder } from '../arguments/watch-orders.ts';
import { ownSurroundings } from '../environment.ts';
import { UsageError } from '../usage-error.ts';
import { type Finding, note, serious, well } from './finding.ts';
import { whyUnreachable } from './reach.ts';
import type { Subject } from './subject.ts';

/** Somebody at another address, and what is lost without them. */
interface Contact {
  readonly what: string;
  readonly url: URL;
  readonly cost: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Whether the webhooks, the heartbeat and the model of a live watcher can be reached. */
export async function lookAtContacts(subject: Subject): Promise<Finding[]> {
  const { settings, env } = subject;
  if (settings === null) return [];
  try {
    const { alerts, diagnosis } = await aftermathOrder(settings, { ...ownSurroundings(), env, cwd: subject.cwd });
    const contacts = webhooksAmong(alerts?.targets ?? [], env);
    if (alerts?.heartbeat)
      contacts.push({ what: 'the heartbeat', url: alerts.heartbeat.url, cost: 'it reports this machine as dead', env });
    const obstacle = diagnosis === null ? null : obstacleTo(diagnosis);
    const model = diagnosis === null ? null : addressAsked(diagnosis);
    if (model !== null) contacts.push({ what: 'the model', url: model, cost: 'incidents keep to the rules', env });
    const blocked =
      obstacle === null ? [] : [serious(`the model cannot be asked: ${obstacle}`, 'see --diagnose and --llm-key-file')];
    return [...blocked, ...unheard(alerts === null), ...(await Promise.all(contacts.map(lookAt)))];
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return [serious(`who it tells cannot be read any more: ${error.message}`, 'put it back before the next start')];
  }
}

/** The webhook that this shell's environment names for everything that is started here. */
export async function lookAtOwnContacts(): Promise<Finding[]> {
  const { env, cwd } = ownSurroundings();
  const { targets, faults } = readTargets({ webhooks: [], format: null, commands: [], files: [], env, cwd });
  const found = await Promise.all(webhooksAmong(targets, env).map(lookAt));
  return [...faults.map(fault => serious(fault, 'export it anew')), ...found];
}

function unheard(nobody: boolean): Finding[] {
  return nobody
    ? [note('nobody is told when it flaps, hangs or is held', '--alert-webhook, --alert-command or --heartbeat-url')]
    : [];
}

function webhooksAmong(targets: ReturnType<typeof readTargets>['targets'], env: Contact['env']): Contact[] {
  return targets.flatMap(target =>
    target.kind === 'webhook' ? [{ what: 'the webhook', url: target.url, cost: 'alerts wait until it can', env }] : [],
  );
}

async function lookAt({ what, url, cost, env }: Contact): Promise<Finding> {
  const why = await whyUnreachable(url, env);
  if (why === null) return well(`${what} at ${url.host} can be reached`);
  return serious(
    `${what} at ${url.host} cannot be reached: ${why}; ${cost}`,
    'look at network, firewall and proxy (HTTPS_PROXY)',
  );
}
