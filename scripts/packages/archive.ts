/** The archive for a machine without any package manager: unpack, copy, run. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import {
  type Arch,
  completion,
  executableOf,
  manual,
  papers,
  release,
  releaseTime,
  root,
  version,
} from './contents.ts';
import { THIRD_PARTY, thirdPartyText } from './third-party.ts';

/** Makes agent-watch-VERSION-linux-ARCH.tar.gz; gzip, which is on every machine, xz is not. */
export function packArchive(arch: Arch): void {
  const scratch = mkdtempSync(join(tmpdir(), 'agent-watch-archive-'));
  try {
    const name = `agent-watch-${version}-linux-${arch}`;
    const folder = join(scratch, name);
    mkdirSync(folder);
    cpSync(executableOf(arch), join(folder, 'agent-watch'));
    for (const file of papers) cpSync(join(root, file), join(folder, file));
    writeFileSync(join(folder, THIRD_PARTY), thirdPartyText(true));
    cpSync(manual, join(folder, 'agent-watch.1'));
    cpSync(completion, join(folder, 'completion'), { recursive: true });
    // Owner, order and times are fixed, so that the same contents give the same archive.
    const fixed = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', `--mtime=@${releaseTime()}`];
    execFileSync('tar', [...fixed, '-cf', 'archive', name], { cwd: scratch, stdio: 'inherit' });
    writeFileSync(join(release, `${name}.tar.gz`), gzipSync(readFileSync(join(scratch, 'archive'))));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
