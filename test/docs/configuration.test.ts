import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Alert } from '../../src/alerts/alert.ts';
import { compose } from '../../src/alerts/alerts.ts';
import { probeOptions } from '../../src/cli/options/health.ts';
import { fileKeys } from '../../src/cli/options/index.ts';
import { categories } from '../../src/incidents/incident.ts';
import { BUILT_IN } from '../../src/probes/kill-when/kill-when.ts';
import { eventOf } from '../alerts/world.ts';
import { scratch } from '../support/scratch.ts';
import { run } from '../support/watcher.ts';

const root = resolve(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/configuration.md'), 'utf8');
const example = /```yaml\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
const alert = JSON.parse(/```json\n(\{\n[\s\S]*?)```/.exec(page)?.[1] ?? '{}') as Alert;
/** The first cells of the table under a heading. */
const cells = (heading: string) =>
  [...(page.split(new RegExp(`^#+ ${heading}$`, 'm'))[1]?.split(/^#/m)[0] ?? '').matchAll(/^\| `([^`]+)`/gm)].map(
    ([, cell]) => cell,
  );

describe('docs/configuration.md', () => {
  test('shows every key of the file', () => {
    const shown = new Set([...example.matchAll(/^(?:# )?([a-z][a-z-]*):/gm)].map(([, key]) => key));
    expect(fileKeys.filter(key => !shown.has(key))).toEqual([]);
    expect(
      [...shown].filter(key => key !== 'command' && !(fileKeys as readonly (string | undefined)[]).includes(key)),
    ).toEqual(['yaml-language-server']);
  });

  test('has an example that is valid', () => {
    const folder = scratch();
    writeFileSync(join(folder, 'trader.yaml'), example);
    const { code, out, err } = run(folder, ['check', 'trader.yaml']);
    expect(code, err).toBe(0);
    expect(out).toContain('kill when    daily_loss > $10 OR cash < $20');
  });

  test('names the keys of every probe', () => {
    expect(cells('Probes with settings of their own').sort()).toEqual(Object.keys(probeOptions).sort());
  });

  test('names every category and every built-in name', () => {
    expect(cells('Categories')).toEqual([...categories]);
    for (const name of BUILT_IN) expect(page).toContain(`| \`${name}\` |`);
  });

  test('names every phase of status', () => {
    const schema = JSON.parse(readFileSync(join(root, 'docs/status.schema.json'), 'utf8'));
    const text = JSON.stringify(schema);
    const phases = JSON.parse(/"phase":\{"enum":(\[[^\]]*\])/.exec(text)?.[1] ?? '[]') as string[];
    expect(cells('Phases')).toEqual(phases);
  });

  test('shows an alert with the fields that alerts have', () => {
    const made = compose({ name: 'a', host: 'b', clean: text => text }, eventOf('flap', {}), 'id');
    expect(Object.keys(alert)).toEqual(Object.keys(made));
  });
});
