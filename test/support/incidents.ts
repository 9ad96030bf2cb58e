import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { Incident } from '../../src/incidents/incident.ts';

const schema = JSON.parse(readFileSync(resolve(import.meta.dirname, '../../docs/incidents.schema.json'), 'utf8'));
const validate = new Ajv2020({ strict: false, allErrors: true }).compile(schema);

/** The incidents of a name as they lie on disk, oldest first. Each must be of the schema. */
export function incidentsOf(folder: string, name: string): Incident[] {
  const place = `${folder}/state/${name}/incidents`;
  const ids = listed(place).filter(file => new RegExp(`^${name}-[0-9a-z]+\\.json$`).test(file));
  const incidents = ids.sort().map(file => JSON.parse(readFileSync(`${place}/${file}`, 'utf8')) as Incident);
  if (!validate(incidents)) throw new Error(`not of the schema: ${JSON.stringify(validate.errors)}`);
  return incidents;
}

function listed(place: string): string[] {
  try {
    return readdirSync(place);
  } catch {
    // There was no incident yet.
    return [];
  }
}
