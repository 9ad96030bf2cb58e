import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { because } from '../support/fixture.ts';
import { noRelease, released } from './released.ts';

const root = resolve(import.meta.dirname, '../..');
const json = (path: string) => JSON.parse(readFileSync(path, 'utf8'));

interface Component {
  name: string;
  version: string;
  licenses?: unknown[];
}

describe.skipIf(noRelease)(`the bill of materials${because(noRelease)}`, () => {
  test('names every library in the executable and its Node, with version and licence, and no tool of the build', () => {
    const { bomFormat, metadata, components } = json(released(/\.cdx\.json$/));
    const { name, version, dependencies, optionalDependencies, devDependencies } = json(join(root, 'package.json'));
    expect(bomFormat).toBe('CycloneDX');
    expect(metadata.component).toMatchObject({ name, version });
    const listed = new Map((components as Component[]).map(one => [one.name, one]));
    for (const [library, exact] of Object.entries({ ...dependencies, ...optionalDependencies })) {
      expect(listed.get(library), library).toMatchObject({ version: exact, licenses: [expect.anything()] });
    }
    expect(Object.keys(devDependencies).filter(tool => listed.has(tool))).toEqual([]);
  });
});
