/**
 * Makes everything that is handed out, in build/release, with SHA256SUMS over all of it. Nothing is published.
 *
 *   npm run release                    for linux-x64 and linux-arm64
 *   npm run release -- --arch arm64    for one of them
 *   npm run release -- --url URL       where releases will be, for install.sh: URL/vVERSION/FILE
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { packArchive } from './packages/archive.ts';
import { type Arch, release, root } from './packages/contents.ts';
import { packDeb } from './packages/deb.ts';
import { packImage, whyNoImage } from './packages/image.ts';
import { writeInstallScript } from './packages/install-script.ts';
import { packNpm } from './packages/npm.ts';
import { writeSbom } from './packages/sbom.ts';

const known: readonly Arch[] = ['arm64', 'x64'];
const { values } = parseArgs({
  options: { arch: { type: 'string', multiple: true }, url: { type: 'string', default: '' } },
});
const unknown = values.arch?.find(arch => !known.some(one => one === arch));
if (unknown !== undefined) throw new Error(`unknown architecture: ${unknown}; known are ${known.join(' and ')}`);
// Our own last: its bundle, which has been compiled eagerly, is the one that stays.
const architectures = known
  .filter(arch => values.arch === undefined || values.arch.includes(arch))
  .sort((a, b) => Number(a === process.arch) - Number(b === process.arch));

rmSync(release, { recursive: true, force: true });
mkdirSync(release, { recursive: true });
for (const arch of architectures) {
  execFileSync(process.execPath, [join(root, 'scripts/build.ts'), '--arch', arch], { stdio: 'inherit' });
  packArchive(arch);
  packDeb(arch);
  const why = whyNoImage(arch);
  if (why === null) packImage(arch);
  else console.log(`no image for ${arch}: ${why}`);
}
packNpm(architectures);
writeSbom();
writeInstallScript(join(release, 'install.sh'), values.url);

const digest = (file: string) =>
  createHash('sha256')
    .update(readFileSync(join(release, file)))
    .digest('hex');
const sums = readdirSync(release)
  .sort()
  .map(file => `${digest(file)}  ${file}\n`)
  .join('');
writeFileSync(join(release, 'SHA256SUMS'), sums);
console.log(sums.trimEnd());
