import type { Socket } from 'node:net';
import { basename } from 'node:path';
import { readTargets } from '../../alerts/target.ts';
import { durationText } from '../../core/units.ts';
import { addressAsked, obstacleTo } from '../../diagnosis/diagnose.ts';
import { environmentOf } from '../../host/process-facts.ts';
import { findProgram } from '../../host/run-command.ts';
import { webhookOfEnvironment } from '../arguments/resolve-options.ts';
import { notificationSettings } from '../arguments/watch-orders.ts';
import { ownEnvironment } from '../environment.ts';
import { UsageError } from '../usage-error.ts';
import { type Finding, interpreterOf, note, pathOf, type Subject, serious, type Unit, well } from './finding.ts';
import { childOf } from './state-folder.ts';

const PLAIN_PATH = '/bin:/usr/bin';

/** Whether the command is still found: by the watcher that runs, and by the unit that starts it after the next boot. */
export function lookAtCommand(subject: Subject): Finding[] {
  const { status, settings, env, unit, cwd, watcher } = subject;
  const [program] = status.command;
  if (program === undefined) return [];
  const here = settings?.identity.env['PATH'] ?? env['PATH'] ?? PLAIN_PATH;
  const who = watcher === null ? 'this shell' : 'its watcher';
  const findings = missing(program, here, cwd, `the PATH of ${who}`);
  if (unit !== null) findings.push(...lookAtUnit(unit, program, here, cwd));
  return findings;
}

function missing(program: string, path: string, cwd: string, where: string): Finding[] {
  const found = findProgram(program, path, cwd);
  if (found === null) {
    if (program.includes('/'))
      return [serious(`${program} does not exist or is not executable: the next start fails`, 'put it back; chmod +x')];
    return [
      serious(
        `${program} is not found on ${where} (${path}): the next start fails`,
        'install it, or name it by its whole path',
      ),
    ];
  }
  const interpreter = interpreterOf(found);
  if (interpreter === null || findProgram(interpreter, path, cwd) !== null) return [];
  return [
    serious(
      `${found} asks for ${interpreter}, which is not found on ${where} (${path})`,
      `install ${interpreter}, or set PATH for it`,
    ),
  ];
}

function lookAtUnit(unit: Unit, program: string, here: string, cwd: string): Finding[] {
  const again = `agent-watch install again, from a shell in which it works`;
  const path = pathOf(unit);
  const findings = missing(program, path, cwd, `the PATH of ${unit.path}`).map(({ what }) => serious(what, again));
  if (findProgram(unit.program, path, '/') === null)
    findings.push(serious(`${unit.path} starts ${unit.program}, which does not exist: nothing starts at boot`, again));
  const [mine, its] = [findProgram(program, here, cwd), findProgram(program, path, cwd)];
  if (mine !== null && its !== null && mine !== its)
    findings.push(note(`${program} is ${mine} now, but ${its} for ${unit.path}`, again));
  const lacking = here.split(':').filter(folder => folder !== '' && !path.split(':').includes(folder));
  if (lacking.length > 0)
    findings.push(
      note(`${unit.path} does not search ${lacking.join(', ')}: what the command calls there is not found`, again),
    );
  return findings.length === 0 ? [well(`${unit.path} finds the command`)] : findings;
}

/** What keeps its output in a buffer when it writes into a pipe, and how it is told not to. Python is told by us. */
const BUFFERS: readonly (readonly [program: RegExp, cure: string])[] = [
  [/^[gm]?awk$/, 'fflush() after each print, or stdbuf -oL in front of it'],
  [/^[ef]?grep$/, '--line-buffered'],
  [/^sed$/, '-u'],
  [/^(?:cut|tr|uniq|tcpdump)$/, 'stdbuf -oL in front of it'],
  [/^jq$/, '--unbuffered'],
  [/^ruby[\d.]*$/, '$stdout.sync = true'],
  [/^perl[\d.]*$/, '$| = 1'],
];

/** Whether the command's last words may stay with it when it dies, and a busy one look hung. */
export function lookAtBuffering(subject: Subject): Finding[] {
  const { status, cwd, env } = subject;
  const [program = '', ...args] = status.command;
  const found = findProgram(program, env['PATH'] ?? '', cwd);
  // A shim (pyenv's) is a shell script that is called like what it starts.
  const names = [basename(program), basename((found === null ? null : interpreterOf(found)) ?? '')];
  if (names.some(name => /^(?:python|pypy)[\d.]*$/.test(name))) return python(subject, args);
  const row = BUFFERS.find(([pattern]) => names.some(name => pattern.test(name)));
  if (row === undefined) return [];
  const what = `${names[0]} keeps its output in a buffer: it comes late, and its last words are lost in a crash`;
  return [note(what, row[1])];
}

function python(subject: Subject, args: readonly string[]): Finding[] {
  const script = args.findIndex(word => !word.startsWith('-') || word === '-c' || word === '-m');
  const flags = args.slice(0, script === -1 ? args.length : script).filter(word => /^-[a-zA-Z]+$/.test(word));
  if (flags.some(flag => flag.includes('u'))) return [];
  const child = childOf(subject);
  const given = (child === null ? null : environmentOf(child)) ?? subject.settings?.identity.env ?? {};
  const ignored = flags.find(flag => /[EI]/.test(flag));
  const off = given['PYTHONUNBUFFERED'] === '' ? 'PYTHONUNBUFFERED is set to nothing' : null;
  const why = ignored === undefined ? off : `${ignored} makes Python ignore PYTHONUNBUFFERED`;
  if (why === null) return [];
  return [note(`${why}: its output comes late, and its last words are lost in a crash`, 'python3 -u')];
}

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
    if (model !== null)
      contacts.push({ what: 'the model', url: model, cost: 'incidents are diagnosed by rules only', env });
    const blocked =
      obstacle === null ? [] : [serious(`the model cannot be asked: ${obstacle}`, 'see --diagnose and --llm-key-file')];
    return [...blocked, ...unheard(alerts === null), ...(await Promise.all(contacts.map(lookAt)))];
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return [serious(`its alert settings can no longer be read: ${error.message}`, 'put it back before the next start')];
  }
}

/** The webhook that this shell's environment names for everything that is started here. */
export async function lookAtOwnContacts(): Promise<Finding[]> {
  const { env, cwd } = ownEnvironment();
  try {
    const webhooks = webhookOfEnvironment({ env, cwd });
    const { targets, faults } = readTargets({ webhooks, format: null, commands: [], files: [] });
    const found = await Promise.all(webhooksAmong(targets, env).map(lookAt));
    return [...faults.map(fault => serious(fault, 'export it again')), ...found];
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return [serious(error.message, 'export it again')];
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
    'check network, firewall and proxy (HTTPS_PROXY)',
  );
}
