import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { completionScript } from '../../src/cli/render/completions.ts';
import { noRelease, release } from '../packages/released.ts';
import { because, missing } from '../support/fixture.ts';
import { scratch } from '../support/scratch.ts';

const root = resolve(import.meta.dirname, '../..');
const files = ['_agent-watch', 'agent-watch.bash', 'agent-watch.fish'];

test('the completions that are handed out are the ones that were tested', () => {
  const folder = join(root, 'docs/completion');
  expect(readdirSync(folder).sort()).toEqual([...files].sort());
  const made = [completionScript('zsh'), completionScript('bash'), completionScript('fish')];
  expect(files.map(file => readFileSync(join(folder, file), 'utf8'))).toEqual(made);
});

const noArchives = noRelease ?? missing('sha256sum', '--version');

/** Unpacks the archive of this architecture. */
function unpacked(): string {
  const folder = scratch();
  const archive = readdirSync(release).find(file => file.endsWith(`linux-${process.arch}.tar.gz`)) ?? 'none';
  const { status, stderr } = spawnSync('tar', ['-xzf', join(release, archive), '-C', folder], { encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return join(folder, archive.replace('.tar.gz', ''));
}

describe.skipIf(noArchives)(`the release archives${because(noArchives)}`, () => {
  test('are two, and the checksums of everything released are right', () => {
    const { status, stdout } = spawnSync('sha256sum', ['-c', 'SHA256SUMS'], { cwd: release, encoding: 'utf8' });
    expect(status).toBe(0);
    expect(stdout).toMatch(/linux-arm64\.tar\.gz: OK/);
    expect(stdout).toMatch(/linux-x64\.tar\.gz: OK/);
  });

  test('hold the executable, the manual page and the completions, which each shell that is here loads', () => {
    const folder = unpacked();
    const here = [
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'THIRD-PARTY.txt',
      'agent-watch',
      'agent-watch.1',
      'completion',
    ];
    expect(readdirSync(folder).sort()).toEqual(here);
    expect(readdirSync(join(folder, 'completion')).sort()).toEqual([...files].sort());
    expect(spawnSync(join(folder, 'agent-watch'), ['--version'], { encoding: 'utf8' }).stdout).toMatch(
      /^agent-watch \d/,
    );
    const loads = {
      bash: ['--norc', '-c', 'source completion/agent-watch.bash && complete -p agent-watch'],
      zsh: [
        '-f',
        '-c',
        'fpath=($PWD/completion $fpath); autoload -Uz compinit; compinit -D -u; print $_comps[agent-watch]',
      ],
      fish: ['--no-config', '-c', 'source completion/agent-watch.fish; complete -C "agent-watch sta"'],
    };
    for (const [shell, args] of Object.entries(loads)) {
      const { error, status, stdout, stderr } = spawnSync(shell, args, { cwd: folder, encoding: 'utf8' });
      if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') continue;
      expect({ shell, status, stderr }).toEqual({ shell, status: 0, stderr: '' });
      expect(stdout).toMatch(/agent-watch|status/);
    }
  });
});
