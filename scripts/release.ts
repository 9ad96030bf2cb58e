/**
 * Makes the archives to hand out, in build/release: for linux-x64 and linux-arm64 a .tar.xz with the executable, man page,
 * completions, licence and README, and SHA256SUMS over both. The README's path from an archive: unpack, copy, run.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const release = join(root, 'build/release');
rmSync(release, { recursive: true, force: true });
mkdirSync(release, { recursive: true });

const sums: string[] = [];
for (const arch of ['x64', 'arm64']) {
  execFileSync(process.execPath, [join(root, 'scripts/build.ts'), '--arch', arch], { stdio: 'inherit' });
  const name = `agent-watch-${version}-linux-${arch}`;
  const folder = join(release, name);
  mkdirSync(folder);
  const built = arch === process.arch ? 'agent-watch' : `agent-watch-linux-${arch}`;
  cpSync(join(root, 'build', built), join(folder, 'agent-watch'));
  for (const file of ['LICENSE', 'README.md', 'CHANGELOG.md']) cpSync(join(root, file), join(folder, file));
  cpSync(join(root, 'docs/agent-watch.1'), join(folder, 'agent-watch.1'));
  cpSync(join(root, 'docs/completion'), join(folder, 'completion'), { recursive: true });
  const archive = `${name}.tar.xz`;
  // Owner and order are fixed, so that the same contents give the same archive.
  const tar = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '-cJf', archive, name];
  execFileSync('tar', tar, { cwd: release, stdio: 'inherit', env: { ...process.env, XZ_OPT: '-6 -T0' } });
  rmSync(folder, { recursive: true });
  const digest = createHash('sha256')
    .update(readFileSync(join(release, archive)))
    .digest('hex');
  sums.push(`${digest}  ${archive}`);
}
writeFileSync(join(release, 'SHA256SUMS'), `${sums.join('\n')}\n`);
console.log(sums.join('\n'));
