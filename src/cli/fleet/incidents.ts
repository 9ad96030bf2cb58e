import { join } from 'node:path';
import { EXIT } from '../../core/exit-code.ts';
import { INCIDENTS_FOLDER, type Incident } from '../../incidents/incident.ts';
import { idsIn, readOne } from '../../incidents/store.ts';
import { CommandFailed, didYouMean, quoted } from '../usage-error.ts';
import type { Service } from './select.ts';

/** An incident and where it lies. */
export interface FoundIncident {
  readonly incident: Incident;
  readonly service: Service;
  readonly folder: string;
}

/**
 * The incident that was meant: by the name of its service (its latest), by its id, or by the beginning of its id.
 * @throws CommandFailed if there is none, or more than one
 */
export function findIncident(services: readonly Service[], written: string): FoundIncident {
  const named = services.find(({ label, name }) => label === written || name === written);
  if (named !== undefined) {
    const latest = idsIn(folderOf(named)).at(-1);
    if (latest === undefined) throw new CommandFailed(`${named.label} has no incidents`, EXIT.unknownName);
    return read(named, latest);
  }
  const known = services.flatMap(service => idsIn(folderOf(service)).map(id => ({ service, id })));
  const meant = known.filter(({ id }) => id === written);
  const found = meant.length > 0 ? meant : known.filter(({ id }) => id.startsWith(written));
  const [first, second] = found;
  if (first !== undefined && second === undefined) return read(first.service, first.id);
  const counted = first === undefined ? countedIn(services, written) : null;
  if (counted !== null) return counted;
  const ids = known.map(({ id }) => id);
  if (first === undefined) {
    const hint =
      ids.length === 0 ? ': there are no incidents' : didYouMean(written, [...ids, ...services.map(one => one.name)]);
    throw new CommandFailed(
      `no incident ${quoted(written)}${hint || '; agent-watch incidents lists them'}`,
      EXIT.unknownName,
    );
  }
  throw new CommandFailed(
    `${quoted(written)} is the beginning of ${found.length} incidents: ${found
      .slice(-5)
      .map(({ id }) => id)
      .join(', ')}`,
    EXIT.unknownName,
  );
}

const folderOf = ({ stateDir, name }: Service) => join(stateDir, name, INCIDENTS_FOLDER);

function read(service: Service, id: string): FoundIncident {
  const folder = folderOf(service);
  const found = readOne(folder, id);
  if (found === null) throw new CommandFailed(`the incident ${id} is gone`, EXIT.unknownName);
  if ('fault' in found) throw new CommandFailed(`the incident ${id} cannot be read: ${found.fault}`);
  return { incident: found.incident, service, folder };
}

/** Of too many in a second the last one that is kept counts the rest, which have ids too. */
function countedIn(services: readonly Service[], id: string): FoundIncident | null {
  for (const service of services) {
    if (!id.startsWith(`${service.name}-`) || !/^[0-9a-z]+$/.test(id.slice(service.name.length + 1))) continue;
    const before = idsIn(folderOf(service)).findLast(one => one < id);
    if (before === undefined) continue;
    const found = read(service, before);
    if (found.incident.repeats > 0) return found;
  }
  return null;
}
