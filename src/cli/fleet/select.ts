import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { EXIT } from '../../core/signals.ts';
import { errnoOf, reasonOf } from '../../host/read-file.ts';
import { namesIn } from '../../state/state-folder.ts';
import type { Selection } from '../arguments/invocation.ts';
import { print } from '../render/terminal.ts';
import { CommandFailed, didYouMean, quoted, UsageError } from '../usage-error.ts';

/** A service as it is selected: its folder, and how it is called in output. */
export interface Service {
  readonly stateDir: string;
  readonly name: string;
  /** The name, or with --all-users `user/name`. */
  readonly label: string;
}

/** The services of a selection, in alphabetical order, and a line for each name or glob that is none of them. */
export interface Selected {
  readonly services: readonly Service[];
  readonly unknown: readonly string[];
}

/**
 * The services that were named. None named: all of them.
 * @throws CommandFailed if a state folder may not be read, or is not there though it was named
 */
export function select(selection: Selection): Selected {
  const known = selection.allUsers ? servicesOfAllUsers() : servicesIn(selection);
  if (selection.names.length === 0) return { services: known, unknown: [] };
  const services = new Set<Service>();
  const unknown: string[] = [];
  for (const name of selection.names) {
    const found = known.filter(service => (isGlob(name) ? globMatches(name, service.name) : service.name === name));
    for (const service of found) services.add(service);
    if (found.length === 0) unknown.push(unknownText(name, known, selection));
  }
  return { services: known.filter(service => services.has(service)), unknown };
}

/**
 * The same for a command that shows something: what is unknown is said on standard error, and the rest shown.
 * @returns the services, and the exit code as far as it follows from the selection
 */
export function selectKnown(selection: Selection): { services: readonly Service[]; code: number } {
  const { services, unknown } = select(selection);
  for (const line of unknown) process.stderr.write(`agent-watch: ${line}\n`);
  return { services, code: unknown.length === 0 ? EXIT.ok : EXIT.unknownName };
}

/** Commands that take `--since`. */
const TIMED: readonly unknown[] = ['brief', 'events', 'incidents', 'logs'];

/** What else than a name it looks like. */
function notAName(name: string, { word, names }: Selection): string | null {
  const other = names.find(one => one !== name) ?? 'NAME';
  if (TIMED.includes(word) && /^\d+(?:ms|[smhd])$/.test(name)) return `to look back so far: --since ${name}`;
  if (word === 'runs' && /^\d+$/.test(name)) return `one run: agent-watch runs show ${other} ${name}`;
  if ((word === 'runs' || word === 'incidents') && name === 'show') return `write: agent-watch ${word} show ${other}`;
  return null;
}

function unknownText(name: string, known: readonly Service[], selection: Selection): string {
  const { stateDir } = selection;
  const meant = notAName(name, selection);
  if (meant !== null) return `no service named ${quoted(name)}; ${meant}`;
  if (known.length === 0) return `no service named ${quoted(name)}: no services in ${stateDir}`;
  if (isGlob(name)) return `no service matches ${quoted(name)}`;
  return `no service named ${quoted(name)}${didYouMean(
    name,
    known.map(service => service.name),
  )}`;
}

function servicesIn({ stateDir, stateDirGiven }: Selection): Service[] {
  refuseUnreadable(stateDir, stateDirGiven);
  return namesIn(stateDir).map(name => ({ stateDir, name, label: name }));
}

/**
 * Refuses a state folder that may not be read, or that was named and is not there: "nothing there" and "may not look" are different answers.
 * @throws CommandFailed
 */
export function refuseUnreadable(stateDir: string, given: boolean): void {
  const why = whyFolderUnreadable(stateDir);
  if (why !== null) throw new CommandFailed(why);
  // Where the disk takes no folder, state lies in the private one.
  if (given && statSync(stateDir, { throwIfNoEntry: false }) === undefined && namesIn(stateDir).length === 0)
    throw new CommandFailed(`--state-dir: ${stateDir} does not exist`);
}

/** A service's folder that may not be entered: it is there, but nothing can be said of it. */
export function whyUnreadable({ stateDir, name }: Pick<Service, 'stateDir' | 'name'>): string | null {
  return whyFolderUnreadable(`${stateDir}/${name}`);
}

/** One line that names the folder and its owner; null if it can be read, or is not there. */
function whyFolderUnreadable(folder: string): string | null {
  try {
    // The dot says that it is a folder, in the same call.
    accessSync(`${folder}/.`, constants.R_OK | constants.X_OK);
    return null;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    if (errnoOf(error) === 'ENOTDIR' && existsSync(folder)) return `${folder} is not a directory`;
    return `${folder} cannot be read: ${reasonOf(error)}${ownerOf(folder)}`;
  }
}

/** Whose it is, or whose the folder above is that keeps us out. */
function ownerOf(folder: string): string {
  for (let at = folder; at !== '/'; at = dirname(at)) {
    const uid = uidOf(at);
    if (uid === null) continue;
    const us = process.geteuid?.();
    return uid === us ? '' : ` (${at === folder ? 'it' : at} belongs to user ${uid}, you are user ${us})`;
  }
  return '';
}

function uidOf(path: string): number | null {
  try {
    return statSync(path).uid;
  } catch {
    // The folder above may not be entered either.
    return null;
  }
}

/** The same as `selectKnown`, without services whose folder may not be read: those are said on standard error, and the exit code is 1. */
export function selectReadable(selection: Selection): { services: readonly Service[]; code: number } {
  const { services, code } = selectKnown(selection);
  const readable = services.filter(service => {
    const why = whyUnreadable(service);
    if (why !== null) process.stderr.write(`agent-watch: ${service.label}: ${why}\n`);
    return why === null;
  });
  return { services: readable, code: readable.length === services.length ? code : EXIT.notWell };
}

const ROOT_STATE_DIR = '/var/lib/agent-watch';

/** Root's own, and those below the homes of /etc/passwd. What lies elsewhere is found by --state-dir. */
function servicesOfAllUsers(): Service[] {
  if (process.geteuid?.() !== 0)
    throw new CommandFailed('--all-users: only root may look at the services of other users');
  const folders = new Map<string, string>([[ROOT_STATE_DIR, 'root']]);
  for (const line of readFileSync('/etc/passwd', 'utf8').split('\n')) {
    const [user = '', , , , , home = ''] = line.split(':');
    if (home.startsWith('/')) folders.set(join(home, '.local/state/agent-watch'), user);
  }
  return [...folders].flatMap(([stateDir, user]) =>
    namesIn(stateDir).map(name => ({ stateDir, name, label: `${user}/${name}` })),
  );
}

function isGlob(text: string): boolean {
  return /[*?[]/.test(text);
}

/**
 * `*`, `?` and `[abc]`, as in a shell; a name has no slash, so all else is itself. What stands between two stars is taken where it comes
 * first and never tried elsewhere, which finds the same: a glob of a hundred stars, which may come by HTTP, takes no time.
 */
function globMatches(glob: string, name: string): boolean {
  const [first = '', ...rest] = glob.split(/\*+/).map(part =>
    part
      .replace(/[.+^${}()|\\]/g, '\\$&')
      .replaceAll('?', '.')
      .replaceAll('[!', '[^'),
  );
  const last = rest.pop();
  const between = rest.map((part, at) => `(?=(.*?${part}))\\${at + 1}`).join('');
  try {
    return new RegExp(`^${first}${between}${last === undefined ? '' : `.*${last}`}$`).test(name);
  } catch {
    // An open bracket without its end: it matches nothing.
    return false;
  }
}

/** For the watcher's events: the user, the process, and the service in whose run we are, if in one. */
export function whoAsks(): string {
  const inside = process.env['AGENT_WATCH_NAME'];
  const user = process.env['SUDO_USER'] ?? process.env['USER'] ?? `user ${process.getuid?.() ?? '?'}`;
  const by = process.argv[2] === 'mcp' ? ', an assistant by mcp' : '';
  return `${user} (pid ${process.pid}${by}${inside === undefined ? '' : `, from the run of ${inside}`})`;
}

/** What came of an action on one service: one line without its name. */
export interface Done {
  readonly ok: boolean;
  readonly text: string;
}

/**
 * Acts on all selected services at the same time and prints a line for each as soon as it is known.
 * @returns 0 if every action succeeded, 1 if one failed, else 4 if a name is unknown
 */
export async function actOnAll(
  selection: Selection,
  act: (service: Service) => Promise<Done>,
  { services, unknown }: Selected = select(selection),
): Promise<number> {
  for (const line of unknown) process.stderr.write(`agent-watch: ${line}\n`);
  const results = await Promise.all(services.map(service => report(service.label, () => actOn(service, act))));
  if (selection.names.length === 0 && services.length === 0) print('no services\n');
  if (results.includes(false)) return EXIT.notWell;
  return unknown.length === 0 ? EXIT.ok : EXIT.unknownName;
}

async function actOn(service: Service, act: (service: Service) => Promise<Done>): Promise<Done> {
  const why = whyUnreadable(service);
  return why === null ? await act(service) : { ok: false, text: why };
}

/** Acts, and prints what came of it in one line that begins with the label. */
export async function report(label: string, act: () => Promise<Done>): Promise<boolean> {
  const { ok, text } = await act().catch(failed);
  if (ok) print(`${label}: ${text}\n`);
  else process.stderr.write(`agent-watch: ${label}: ${text}\n`);
  return ok;
}

function failed(error: unknown): Done {
  if (error instanceof UsageError || error instanceof CommandFailed) return { ok: false, text: error.message };
  throw error;
}
