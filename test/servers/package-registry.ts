import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type LocalServer, localServer, sendJson } from './local-server.ts';

/** A registry that knows the packed files of a folder and nothing else, as npm asks for them. */
export async function packageRegistry(folder: string): Promise<LocalServer> {
  const files = readdirSync(folder).filter(file => file.endsWith('.tgz'));
  const documents = new Map<string, object>();
  const server = await localServer(({ path }, response) => {
    const file = files.find(one => path === `/-/${one}`);
    if (file !== undefined) return void response.end(readFileSync(join(folder, file)));
    const document = documents.get(path.slice(1));
    sendJson(response, document === undefined ? 404 : 200, document ?? { error: 'not found' });
  });
  for (const file of files) {
    const manifest = manifestIn(join(folder, file));
    const integrity = `sha512-${createHash('sha512')
      .update(readFileSync(join(folder, file)))
      .digest('base64')}`;
    const version = { ...manifest, dist: { tarball: `${server.url}/-/${file}`, integrity } };
    documents.set(`${manifest['name']}`, {
      name: manifest['name'],
      'dist-tags': { latest: manifest['version'] },
      versions: { [`${manifest['version']}`]: version },
    });
  }
  return server;
}

/** The package.json of a packed file, in which it comes first. */
export function manifestIn(file: string): Record<string, unknown> {
  const first = ['-xzOf', file, '--occurrence=1', 'package/package.json'];
  return JSON.parse(execFileSync('tar', first, { encoding: 'utf8' }));
}
