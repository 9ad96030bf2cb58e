import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { run } from '../support/watcher.ts';

const docs = resolve(import.meta.dirname, '../../docs');
const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true });

/** The schema of consumers takes fields of later versions; here each printed field has to be described. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const inside = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]));
  const { properties, additionalProperties = false } = schema as Record<string, unknown>;
  return typeof properties === 'object' && 'type' in schema ? { ...inside, additionalProperties } : inside;
}

/** Holds a value against docs/NAME.schema.json. */
function holds(name: string, value: unknown): void {
  const validate =
    ajv.getSchema(name) ??
    ajv.compile({ ...Object(closed(JSON.parse(readFileSync(join(docs, `${name}.schema.json`), 'utf8')))), $id: name });
  expect(validate(value), `${name}: ${JSON.stringify(validate.errors)}`).toBe(true);
}

test('what commands print for programs, and what alerts hold, is of its schema', async () => {
  const folder = scratch();
  const crash = 'sleep 1.1; echo "ValueError: x" >&2; exit 3';
  const alerts = ['--alert-command', 'cat >> alerts.jsonl', '--alert-on', 'all', '--flap-threshold', '2'];
  run(folder, ['start', '--name', 'bad', '--backoff', '10ms', ...alerts, '--', 'sh', '-c', crash]);
  run(folder, ['start', '--name', 'good', '--check', 'true', '--', 'sleep', '1000']);
  const told = () =>
    readFileSync(join(folder, 'alerts.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map(line => JSON.parse(line));
  await until('a flap is told', () => run(folder, ['events', 'bad']).out.includes('alert sent (flap)'));
  await until('it is delivered', () => told().some(({ event }) => event === 'flap'));
  for (const command of ['status', 'incidents', 'health', 'events', 'runs', 'brief'])
    holds(command, JSON.parse(run(folder, [command, '--json']).out));
  holds('diagnose', JSON.parse(run(folder, ['diagnose', 'bad', '--json']).out));
  holds('diagnose', JSON.parse(run(folder, ['diagnose', '-', '--json'], { input: 'KeyError: 1\n' }).out));
  for (const alert of told()) holds('alert', alert);
  run(folder, ['stop', '--all', '--now']);
  await until('the stop is told', () => told().some(({ event }) => event === 'stop'));
  for (const alert of told()) holds('alert', alert);
});
