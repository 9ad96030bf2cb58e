import { readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { makePrivateFolder } from '../../src/state/private-folder.ts';
import { readService } from '../../src/state/read-status.ts';
import { loadState, openStateFile } from '../../src/state/state-file.ts';
import { openStateFolder, type StateFolder } from '../../src/state/state-folder.ts';
import { scratch } from '../support/scratch.ts';

interface Step {
  step: number;
  boot?: string;
}
const read = (value: unknown): Step | string =>
  typeof (value as Step).step === 'number' ? (value as Step) : 'it has no step';
const thisBoot = ({ boot }: Step) => boot !== 'another';
const now = new Date('2026-01-02T03:04:05.678Z');

/** A name's folder and its private one, as a watcher on a disk that took nothing left it. */
function setUp(): { place: StateFolder; folder: string; lock: { privateFolder: null; privateFolders: string[] } } {
  const place = openStateFolder(join(scratch(), 'state'), 'n');
  onTestFinished(() => place.close());
  const made = makePrivateFolder(place.stateDir, 'n');
  if ('why' in made) throw new Error(made.why);
  onTestFinished(() => rmSync(made.path, { recursive: true }));
  return { place, folder: made.path, lock: { privateFolder: null, privateFolders: [made.path] } };
}

function leave(path: string, state: Step, minute: number): void {
  writeFileSync(path, JSON.stringify(state));
  const at = new Date(Date.UTC(2026, 0, 1, 0, minute));
  utimesSync(path, at, at);
}

/** What a later watcher goes on from, and what somebody sees who only looks. */
function seen({ place, lock }: ReturnType<typeof setUp>): (number | undefined)[] {
  const loaded = loadState(place, read, thisBoot, now, lock.privateFolders);
  expect(loaded.said).toEqual([]);
  return [loaded.value?.step, readService(place.stateDir, 'n', read, thisBoot).state?.step];
}

test('a state in a private folder is gone on from and shown if it is newer than the own one, and not if it is older', () => {
  const name = setUp();
  leave(`${name.folder}/state.json`, { step: 2 }, 2);
  expect(seen(name)).toEqual([2, 2]);
  leave(name.place.at('state.json'), { step: 1 }, 1);
  expect(seen(name)).toEqual([2, 2]);
  leave(name.place.at('state.json'), { step: 3 }, 3);
  expect(seen(name)).toEqual([3, 3]);
});

test('one of this boot comes before one of another, whatever the clock said then', () => {
  const name = setUp();
  leave(name.place.at('state.json'), { step: 1, boot: 'another' }, 9);
  leave(`${name.folder}/state.json`, { step: 2 }, 1);
  expect(seen(name)).toEqual([2, 2]);
  leave(name.place.at('state.json'), { step: 3 }, 1);
  leave(`${name.folder}/state.json`, { step: 4, boot: 'another' }, 9);
  expect(seen(name)).toEqual([3, 3]);
});

test('one that is garbage is none', () => {
  const name = setUp();
  leave(name.place.at('state.json'), { step: 1 }, 1);
  writeFileSync(`${name.folder}/state.json`, '{"step": 2');
  expect(seen(name)).toEqual([1, 1]);
});

test("the first save in the name's folder removes it, with its spares", () => {
  const name = setUp();
  for (const file of ['state.json', 'state.json.spare-a', 'state.json.spare-b', 'lock'])
    leave(`${name.folder}/${file}`, { step: 2 }, 2);
  expect(openStateFile(name.place, name.lock).save({ step: 3 })).toEqual({ ok: true });
  expect(readdirSync(name.folder)).toEqual(['lock']);
  expect(seen(name)).toEqual([3, 3]);
});

test('what the own folder refuses is saved there, and still told as refused', () => {
  const { place, folder } = setUp();
  const file = openStateFile(place, { privateFolder: folder, privateFolders: [] });
  rmSync(place.path, { recursive: true });
  writeFileSync(place.path, 'a file in its place');
  for (const step of [1, 2, 3]) expect(file.save({ step })).toMatchObject({ ok: false });
  expect(JSON.parse(readFileSync(`${folder}/state.json`, 'utf8'))).toEqual({ step: 3 });
  rmSync(place.path);
  expect(file.save({ step: 4 })).toEqual({ ok: true });
  expect(readdirSync(folder)).toEqual([]);
});
