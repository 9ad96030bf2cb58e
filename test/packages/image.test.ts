import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { because, missing } from '../support/fixture.ts';
import { scratch } from '../support/scratch.ts';
import { noRelease, release, released } from './released.ts';

const image = new RegExp(`-image-${process.arch}\\.tar$`);
const noImage =
  noRelease ??
  (readdirSync(release).some(name => image.test(name)) ? null : 'the release was made without umoci') ??
  missing('umoci', '--version') ??
  (process.getuid?.() === 0 ? missing('chroot', '/', '/bin/true') : 'only root can chroot');

test.skipIf(noImage)(
  `the image holds the executable and what it needs, and runs as it is configured${because(noImage)}`,
  () => {
    const folder = scratch();
    const at = (path: string) => join(folder, path);
    mkdirSync(at('layout'));
    execFileSync('tar', ['-xf', released(image), '-C', at('layout')]);
    const version = /agent-watch-(.*)-image-/.exec(released(image))?.[1] ?? '';
    execFileSync('umoci', ['unpack', '--image', `${at('layout')}:${version}`, at('bundle')]);
    const { process: started } = JSON.parse(readFileSync(at('bundle/config.json'), 'utf8'));
    expect(started.args).toEqual(['/usr/local/bin/agent-watch', '--state-dir=/state', '--stop-timeout=8s', '--']);
    const inside = (...words: string[]) =>
      spawnSync('chroot', [at('bundle/rootfs'), ...words], {
        encoding: 'utf8',
        env: { PATH: '/usr/local/bin:/usr/sbin:/usr/bin' },
      });
    expect(inside('agent-watch', '--version')).toMatchObject({ status: 0, stdout: `agent-watch ${version}\n` });
    // There is no shell in it: the one program to watch is its own.
    const watched = inside(
      ...started.args.slice(0, -1),
      '--restart',
      'never',
      '--name',
      'job',
      '--',
      'agent-watch',
      '--version',
    );
    expect(watched).toMatchObject({ status: 0, stdout: `agent-watch ${version}\n` });
    const status = inside('agent-watch', 'status', 'job', '--json', '--state-dir', '/state').stdout;
    expect(JSON.parse(status)).toMatchObject([{ phase: 'finished' }]);
    expect(readdirSync(at('bundle/rootfs/usr/share/doc')).sort()).toEqual(
      expect.arrayContaining(['agent-watch', 'libc6', 'libgcc-s1', 'libstdc++6']),
    );
  },
);
