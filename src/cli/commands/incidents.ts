import { hostname } from 'node:os';
import { idsIn, readAll, readKept, readOne } from '../../incidents/folder.ts';
import type { Incident } from '../../incidents/incident.ts';
import { postMortem } from '../../incidents/post-mortem.ts';
import { stripControl } from '../../incidents/redaction/strip-control.ts';
import { namesIn } from '../../state/names.ts';
import type { Invocation } from '../arguments/commands.ts';
import { incidentsFolder, keptIncidents } from '../kept-incidents.ts';
import { incidentTable } from '../render/incident-table.ts';
import { ownTerminal, print } from '../render/terminal.ts';
import { nearest, UsageError } from '../usage-error.ts';
import { requireKnown } from './status.ts';

type ListInvocation = Extract<Invocation, { kind: 'incidents' }>;
type ShowInvocation = Extract<Invocation, { kind: 'incident' }>;

/** Lists what is kept, oldest first, from the files alone. */
export function incidentsCommand({ name, sinceMs, json, stateDir }: ListInvocation): number {
  if (name !== null) requireKnown(stateDir, name);
  const names = name === null ? namesIn(stateDir) : [name];
  const since = sinceMs === null ? Number.NEGATIVE_INFINITY : Date.now() - sinceMs;
  const { incidents, dropped, said } = keptIncidents(stateDir, names, since);
  for (const line of said) process.stderr.write(`agent-watch: ${line}\n`);
  if (json) {
    print(`${JSON.stringify(incidents, null, 2)}\n`);
    return 0;
  }
  const columns = ownTerminal()?.columns ?? null;
  const table = incidents.length === 0 ? 'no incidents' : incidentTable(incidents, columns);
  const gone = dropped === 0 ? '' : `${dropped} older ones are kept no more\n`;
  print(`${table}\n${gone}`);
  return 0;
}

/** Shows one incident: its report, or the record itself. */
export function incidentCommand({ id, json, stateDir }: ShowInvocation): number {
  const { incident, folder } = find(stateDir, id);
  print(json ? `${JSON.stringify(incident, null, 2)}\n` : `${reportOf(incident, folder).trimEnd()}\n`);
  return 0;
}

/** An id begins with its name; names may hold a `-`, so each is tried. */
function find(stateDir: string, id: string): { incident: Incident; folder: string } {
  const names = namesIn(stateDir);
  for (const name of names.filter(one => id.startsWith(`${one}-`))) {
    const folder = incidentsFolder(stateDir, name);
    const found = readOne(folder, id) ?? countedIn(folder, name, id);
    if (found === null) continue;
    if ('incident' in found) return { incident: found.incident, folder };
    throw new UsageError(`the incident ${id} cannot be read: ${found.fault}`);
  }
  const known = names.flatMap(name => idsIn(incidentsFolder(stateDir, name)));
  const hint = known.length === 0 ? `none are kept in ${stateDir}` : `the nearest is ${nearest(id, known.slice(-200))}`;
  throw new UsageError(`no incident has the id "${id}"; ${hint}`);
}

/** Of too many in a second the last one that is kept counts the rest, which have ids all the same. */
function countedIn(folder: string, name: string, id: string): ReturnType<typeof readOne> {
  if (!/^[0-9a-z]+$/.test(id.slice(name.length + 1))) return null;
  const before = idsIn(folder).findLast(one => one < id);
  const found = before === undefined ? null : readOne(folder, before);
  return found !== null && 'incident' in found && found.incident.repeats > 0 ? found : null;
}

function reportOf(incident: Incident, folder: string): string {
  try {
    const text = readKept(`${folder}/${incident.id}.md`);
    if (text !== null) return stripControl(text);
  } catch {
    // Not readable: it is made again from the record.
  }
  return postMortem(incident, { command: [], host: hostname(), priors: readAll(folder).incidents });
}
