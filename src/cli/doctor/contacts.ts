import type { Socket } from 'node:net';
import { readTargets } from '../../alerts/target.ts';
import { durationText } from '../../core/text/units.ts';
import { addressAsked, obstacleTo } from '../../diagnosis/choose-provider.ts';
import { webhookOfEnvironment } from '../arguments/resolve-options.ts';
import { notificationSettings } from '../arguments/watch-orders.ts';
import { ownEnvironment } from '../environment.ts';
import { UsageError } from '../usage-error.ts';
import { type Finding, note, type Subject, serious, well } from './finding.ts';

// Whether those who are told and asked can be reached: a connection to the host, no more. Nothing is sent, no address is shown.

const PATIENCE_MS = 3000;

/** Why a host cannot be reached, in words; null: it can. Through the proxy, where the environment names one. */
async function whyUnreachable(url: URL, env: Readonly<Record<string, string | undefined>>): Promise<string | null> {
  const secure = url.protocol === 'https:';
  const proxy = secure && !isNear(url.hostname) ? (env['HTTPS_PROXY'] ?? env['https_proxy']) : undefined;
  const via = proxy ? asUrl(proxy) : null;
  if (proxy && via === null) return 'HTTPS_PROXY is not a URL';
  const why = via === null ? await connect(url, secure) : await connect(via, via.protocol === 'https:');
  return why !== null && via !== null ? `the proxy ${via.host}: ${why}` : why;
}

function asUrl(text: string): URL | null {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}

const isNear = (hostname: string) => /^(?:localhost|127\..*|\[::1\])$/.test(hostname);

async function connect(url: URL, secure: boolean): Promise<string | null> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = Number(url.port) || (secure ? 443 : 80);
  const net = await import('node:net');
  const tls = secure ? await import('node:tls') : null;
  return new Promise(resolve => {
    // A name for TLS; an address has none.
    const named = net.isIP(host) === 0 ? { servername: host } : {};
    const socket: Socket = tls === null ? net.connect({ host, port }) : tls.connect({ host, port, ...named });
    const end = (why: string | null) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(why);
    };
    const timer = setTimeout(() => end(`no answer in ${durationText(PATIENCE_MS)}`), PATIENCE_MS);
    socket.once(tls === null ? 'connect' : 'secureConnect', () => end(null));
    socket.on('error', error => end(wordsFor(error)));
  });
}

function wordsFor(error: Error & { code?: string }): string {
  const code = error.code ?? 'no connection';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `its name is not resolved (${code})`;
  if (code === 'ECONNREFUSED') return 'the connection is refused (ECONNREFUSED)';
  if (/CERT|SIGNED|VERIFY|ALTNAME/.test(code)) return `its certificate is not trusted (${code})`;
  return code;
}

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
    const { alerts, diagnosis } = await notificationSettings(settings, { ...ownEnvironment(), env, cwd: subject.cwd });
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
  const { env, cwd } = ownEnvironment();
  try {
    const webhooks = webhookOfEnvironment({ env, cwd });
    const { targets, faults } = readTargets({ webhooks, format: null, commands: [], files: [] });
    const found = await Promise.all(webhooksAmong(targets, env).map(lookAt));
    return [...faults.map(fault => serious(fault, 'export it anew')), ...found];
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return [serious(error.message, 'export it anew')];
  }
}

function unheard(nobody: boolean): Finding[] {
  return nobody
    ? [
        note(
          'no alerts configured: it may flap, hang or be held without notice',
          '--alert-webhook, --alert-command or --heartbeat-url',
        ),
      ]
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
