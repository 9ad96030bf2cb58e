import { chownSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Box, bootBox, type Ground, layGround, noBox, shows } from '../support/box.ts';
import { because } from '../support/fixture.ts';
import { until } from '../support/until.ts';

const secret = 'tok-4c1f9e7a2b';
const hook = 'https://hooks.example.invalid/services/T0/B0/4c1f9e7a2b';

describe.skipIf(noBox !== null)(`under a real systemd${because(noBox)}`, () => {
  let ground: Ground;
  let box: Box;
  beforeAll(async () => {
    ground = layGround();
    box = await bootBox(ground);
  });
  afterAll(async () => {
    await box?.shutdown();
    ground?.clear();
  });

  const unitOf = (name: string) => `agent-watch-${name}.service`;
  const file = (name: string) => join(ground.folder, name);
  const text = (name: string) => (existsSync(file(name)) ? readFileSync(file(name), 'utf8') : '');
  const options = (name: string) => `--state-dir ${file('state')} --name ${name}`;
  const aw = (args: string) => box.sh(`${ground.program} ${args}`);

  /** Installs a unit, with other settings of systemd's where a test has no time for the usual ones. */
  function install(name: string, args: string, settings: string[] = []) {
    mkdirSync(join(ground.units, `${unitOf(name)}.d`));
    writeFileSync(join(ground.units, `${unitOf(name)}.d`, 'test.conf'), `[Service]\n${settings.join('\n')}\n`);
    const ended = aw(`install ${options(name)} ${args}`);
    if (ended.code !== 0) throw new Error(`install: ${ended.out}${ended.err}`);
    return ended;
  }
  const mainPid = (name: string) => box.show(unitOf(name), 'MainPID');
  const pidsOf = (mark: string): string[] => box.sh(`pgrep -f '^[^ ]*sleep ${mark}$'`).out.match(/\d+/g) ?? [];
  const count = (mark: string) => pidsOf(mark).length;
  const remove = (name: string) => box.sh(`systemctl stop ${unitOf(name)}`);
  /** A child that takes note of each of its starts, and of any second copy of itself. */
  const single = (mark: string, then = `exec sleep ${mark}`) =>
    `-- sh -c 'exec 9>${file(`${mark}.lock`)}; flock -n 9 || echo second >> ${file(`${mark}.second`)}; echo run >> ${file(`${mark}.runs`)}; ${then}'`;
  const runs = (mark: string) => text(`${mark}.runs`).split('\n').length - 1;

  test('the installed unit is ready when the child is up; its status tells phase, restarts, last exit', async () => {
    const said = install('told', '--backoff 50ms -- sleep 4001');
    expect(said.out).toMatch(/environment PATH=.*\n(?:.*\n)*.*installed, enabled and started/);
    expect(box.show(unitOf('told'), 'ActiveState')).toBe('active');
    const status = box.show(unitOf('told'), 'StatusText');
    const child = box.sh("pgrep -f '^[^ ]*sleep 4001$'").out.trim();
    expect(status).toBe(`running, pid ${child}, 0 restarts`);
    box.sh(`kill -9 ${child}`);
    await shows(box, unitOf('told'), 'StatusText', /^running, pid \d+, 1 restart, last exit: SIGKILL \(crash\)$/);
    expect(box.sh(`systemctl is-enabled ${unitOf('told')}`).out).toBe('enabled\n');
    const removed = aw(`uninstall told --state-dir ${file('state')}`);
    expect(removed).toMatchObject({ code: 0, out: expect.stringContaining(`/etc/systemd/system/${unitOf('told')}`) });
    expect([count('4001'), existsSync(join(ground.units, unitOf('told')))]).toEqual([0, false]);
    expect(box.show(unitOf('told'), 'LoadState')).toBe('not-found');
  });

  test('arguments reach the child as they were given to install', async () => {
    const words = ['100%', '%n', '$HOME', '$\u007bPATH}', '$$', 'a b', ';', '"', '\\', 'l1\nl2', 'ü', '', '-x'];
    writeFileSync(file('words.sh'), `#!/bin/sh\nprintf '%s\\0' "$@" > ${file('words.txt')}\nexec sleep 4002\n`, {
      mode: 0o755,
    });
    const quoted = words.map(word => `'${word}'`).join(' ');
    install('words', `-- ./words.sh ${quoted}`);
    await until('it has written', () => text('words.txt').endsWith('-x\0'));
    expect(text('words.txt').split('\0')).toEqual([...words, '']);
    remove('words');
  });

  test('no address or key is visible in ps, the unit, systemctl show or status; the child has its own', async () => {
    const given = `--env BOT_TOKEN=${secret} --alert-webhook ${hook} --heartbeat-url ${hook}`;
    const said = install('quiet', `${given} -- sh -c 'echo "$BOT_TOKEN" > ${file('quiet.txt')}; exec sleep 4003'`);
    await until('the child has it', () => text('quiet.txt') === `${secret}\n`);
    const seen = [
      said.out,
      said.err,
      box.sh('ps -eo args').out,
      box.sh(`systemctl cat ${unitOf('quiet')}`).out,
      box.sh(`systemctl show ${unitOf('quiet')}`).out,
      box.sh(`systemctl status ${unitOf('quiet')}`).out,
      aw(`status --json --state-dir ${file('state')}`).out,
      text('state/quiet/state.json'),
    ].join('\n');
    expect(seen).toContain('sleep 4003');
    expect(seen).not.toMatch(/4c1f9e7a2b|hooks\.example/);
    expect(statSync(file('state/quiet/environment')).mode & 0o777).toBe(0o600);
    expect(text('state/quiet/environment')).toContain(hook);
    const removed = aw('uninstall quiet');
    expect(removed.out).toContain(file('state/quiet/environment'));
    expect(existsSync(file('state/quiet/environment'))).toBe(false);
  });

  test('systemctl stop leaves nothing, whatever its processes did to get away', async () => {
    install('gone', `-- sh -c 'setsid sleep 4004 & env -i setsid sleep 4004 & sleep 4004'`);
    await until('all are there', () => count('4004') === 3);
    box.sh(`systemctl stop ${unitOf('gone')}`);
    expect([count('4004'), box.show(unitOf('gone'), 'ActiveState'), box.show(unitOf('gone'), 'Result')]).toEqual([
      0,
      'inactive',
      'success',
    ]);
  });

  test('kill -9 of the watcher leaves nothing, and systemd starts it again', async () => {
    install('killed', single('4005', 'setsid sleep 4005 & exec sleep 4005'), ['RestartSec=2s']);
    await until('both are there', () => count('4005') === 2);
    const [first, left] = [mainPid('killed'), pidsOf('4005')];
    box.sh(`kill -9 ${first}`);
    await until('nothing is left', () => !pidsOf('4005').some(pid => left.includes(pid)));
    await until('another watcher', () => ![first, '0'].includes(mainPid('killed')) && count('4005') === 2);
    expect([runs('4005'), text('4005.second')]).toEqual([2, '']);
    remove('killed');
  });

  test('a stopped watcher is found out by the watchdog and replaced, and no second child ever runs', async () => {
    install('hung', single('4006'), ['WatchdogSec=3s', 'RestartSec=300ms']);
    const first = mainPid('hung');
    // It is pinged for: it outlives twice that.
    await pause(7000);
    expect(mainPid('hung')).toBe(first);
    box.sh(`kill -STOP ${first}`);
    await until('another watcher', () => ![first, '0'].includes(mainPid('hung')) && count('4006') === 1);
    expect(box.show(unitOf('hung'), 'NRestarts')).toBe('1');
    await shows(box, unitOf('hung'), 'ActiveState', /^active$/);
    expect([runs('4006'), text('4006.second')]).toEqual([2, '']);
    remove('hung');
  });

  test('what agent-watch stop has stopped stays so through three times RestartSec', async () => {
    install('ended', '-- sleep 4007', ['RestartSec=500ms']);
    expect(aw(`stop ended --state-dir ${file('state')}`).code).toBe(0);
    await shows(box, unitOf('ended'), 'ActiveState', /^inactive$/);
    await pause(1500);
    expect(box.show(unitOf('ended'), 'ActiveState')).toBe('inactive');
    expect(box.show(unitOf('ended'), 'NRestarts')).toBe('0');
  });

  test('a broken option ends the unit as failed, once', async () => {
    install('broken', '-- sleep 4008', ['RestartSec=200ms']);
    box.sh(
      `systemctl stop ${unitOf('broken')}; sed -i 's/ -- / --bakoff 1s -- /' /etc/systemd/system/${unitOf('broken')}; systemctl daemon-reload`,
    );
    expect(box.sh(`systemctl start ${unitOf('broken')}`).code).not.toBe(0);
    await shows(box, unitOf('broken'), 'ActiveState', /^failed$/);
    expect([box.show(unitOf('broken'), 'ExecMainStatus'), box.show(unitOf('broken'), 'NRestarts')]).toEqual([
      '125',
      '0',
    ]);
  });

  test('a stop that takes longer than systemd would wait is waited for', async () => {
    const slow = `-- sh -c 'trap "sleep 5; echo bye > ${file('bye.txt')}; exit" TERM; sleep 4009 & wait'`;
    install('slow', `--stop-timeout 20s ${slow}`, ['TimeoutStopSec=3s']);
    await until('it is there', () => count('4009') === 1);
    box.sh(`systemctl stop ${unitOf('slow')}`);
    expect([text('bye.txt'), box.show(unitOf('slow'), 'Result')]).toEqual(['bye\n', 'success']);
  });

  test('--notify-ready healthy: ready not before it is healthy', async () => {
    install('later', '--notify-ready healthy --healthy-after 2s -- sleep 4010');
    expect(box.show(unitOf('later'), 'StatusText')).toMatch(/^healthy, /);
    remove('later');
    const started = performance.now();
    expect(box.sh(`systemctl start ${unitOf('later')}`).code).toBe(0);
    expect(performance.now() - started).toBeGreaterThan(1900);
    remove('later');
  });

  test('systemctl start returns at once in a cooldown that is left, and no child starts in it', async () => {
    const flapping = '--backoff 0ms --flap-threshold 2 --flap-cooldown 1h';
    install('cool', `${flapping} -- sh -c 'echo run >> ${file('cool.runs')}; exit 1'`, ['RestartSec=1h']);
    await shows(box, unitOf('cool'), 'StatusText', /^cooldown until .*last exit: exit code 1/);
    const before = runs('cool');
    box.sh(`kill -9 ${mainPid('cool')}`);
    await shows(box, unitOf('cool'), 'SubState', /^auto-restart$/);
    remove('cool');
    expect(box.sh(`timeout 10 systemctl start ${unitOf('cool')}`).code).toBe(0);
    expect(box.show(unitOf('cool'), 'ActiveState')).toBe('active');
    await shows(box, unitOf('cool'), 'StatusText', /^cooldown until/);
    expect(runs('cool')).toBe(before);
    remove('cool');
  });

  test('two units of different users live side by side', async () => {
    const users = [
      ['nobody', 65534],
      ['daemon', 1],
    ] as const;
    for (const [user, uid] of users) {
      mkdirSync(file(`state-${user}`));
      chownSync(file(`state-${user}`), uid, uid);
      mkdirSync(join(ground.units, `${unitOf(user)}.d`));
      writeFileSync(join(ground.units, `${unitOf(user)}.d/user.conf`), `[Service]\nUser=${user}\n`);
      const ended = aw(`install --name ${user} --state-dir ${file(`state-${user}`)} -- sleep 4011`);
      expect(ended).toMatchObject({ code: 0 });
    }
    expect(count('4011')).toBe(2);
    for (const [user] of users) {
      const [row] = JSON.parse(aw(`status ${user} --json --state-dir ${file(`state-${user}`)}`).out);
      expect(row).toMatchObject({ name: user, phase: 'running' });
      expect(box.sh(`ps -o user= -p ${row.childPid}`).out.trim()).toBe(user);
      remove(user);
    }
    expect(count('4011')).toBe(0);
  });

  // Last, since it reboots.
  test('a hold lasts through a reboot: of a kill condition and of an exit code; starting it returns at once', async () => {
    writeFileSync(file('metrics.json'), '{"loss": 11}');
    const condition = `--kill-when 'loss > 10' --metrics ${file('metrics.json')}`;
    install('loss', `${condition} ${single('4012')}`);
    await shows(box, unitOf('loss'), 'StatusText', /^held/);
    install('code', `--hold-codes 3 ${single('4013', 'exit 3')}`);
    await shows(box, unitOf('code'), 'StatusText', /^held .*code 3/);
    const before = [runs('4012'), runs('4013')];
    writeFileSync(file('metrics.json'), '{"loss": 0}');
    await box.shutdown();
    box = await bootBox(ground);
    for (const name of ['loss', 'code']) {
      await shows(box, unitOf(name), 'StatusText', /^held/);
      expect(box.show(unitOf(name), 'ActiveState')).toBe('active');
      expect(box.sh(`timeout 10 systemctl restart ${unitOf(name)}`).code).toBe(0);
      await shows(box, unitOf(name), 'StatusText', /^held/);
    }
    expect([runs('4012'), runs('4013')]).toEqual(before);
    expect(aw(`reset loss --state-dir ${file('state')}`).code).toBe(0);
    await until('it runs again', () => count('4012') === 1);
  });
});
