import { describe, expect, test } from 'vitest';
import { type Effect, type Key, listed, press, type Shown, settled, type View } from '../../../src/cli/top/view.ts';
import { aRow, aView } from './rows.ts';

const shown: Shown = { labels: ['a', 'b', 'c', 'd'], page: 2, mostScroll: 30, mostBack: 2 };
const named = (name: string): Key => ({ name, text: '', ctrl: false });
const letter = (text: string): Key => ({ name: text.toLowerCase(), text, ctrl: false });
const ctrl = (name: string): Key => ({ name, text: '', ctrl: true });

/** The view and the effects after these keys; a word of several letters is the name of a key. */
function typing(keys: readonly (string | Key)[], from: View = aView({ selected: 'b' })) {
  let view = from;
  const effects: Effect[] = [];
  for (const key of keys) {
    const pressed = press(view, typeof key !== 'string' ? key : key.length === 1 ? letter(key) : named(key), shown);
    view = pressed.view;
    if (pressed.effect !== null) effects.push(pressed.effect);
  }
  return { view, effects };
}

describe('the list', () => {
  test.each([
    ['down', 'c'],
    ['j', 'c'],
    ['up', 'a'],
    ['k', 'a'],
    ['pagedown', 'd'],
    ['home', 'a'],
    ['end', 'd'],
  ])('%s selects another service', (key, selected) => expect(typing([key]).view.selected).toBe(selected));

  test('the selection stops at both ends', () => {
    expect(typing(['up', 'up', 'up']).view.selected).toBe('a');
    expect(typing(['pagedown', 'pagedown', 'down']).view.selected).toBe('d');
  });

  test('the selection stays on its service, and takes its place when that is gone', () => {
    expect(settled(aView({ selected: 'c' }), ['c', 'a', 'b'], ['a', 'b', 'c']).selected).toBe('c');
    expect(settled(aView({ selected: 'b' }), ['a', 'c'], ['a', 'b', 'c']).selected).toBe('c');
    expect(settled(aView({ selected: 'c' }), ['a', 'b'], ['a', 'b', 'c']).selected).toBe('b');
    expect(settled(aView({ selected: 'c' }), [], ['c']).selected).toBeNull();
    expect(settled(aView(), ['a', 'b'], []).selected).toBe('a');
  });

  test.each([
    ['return', 'details'],
    ['l', 'logs'],
    ['i', 'incidents'],
    ['?', 'help'],
  ])('%s opens a pane, q goes back, q again quits', (key, kind) => {
    const { view } = typing([key]);
    expect(view.pane).toMatchObject({ kind, label: kind === 'help' ? '' : 'b' });
    expect(typing(['q'], view)).toMatchObject({ view: { pane: null }, effects: [] });
    expect(typing(['q', 'q'], view).effects).toEqual([{ kind: 'quit' }]);
  });

  test('keys for a service do nothing where there is none', () => {
    const empty = aView();
    for (const key of ['return', 'l', 'i', 'r', 's', 'S', 'R'])
      expect(typing([key], empty).view).toMatchObject({ pane: null, asking: null });
  });
});

describe('what acts', () => {
  test.each([
    ['r', 'restart'],
    ['s', 'stop'],
    ['S', 'start'],
    ['R', 'reset'],
  ])('%s asks first, and only y is a yes', (key, verb) => {
    const asked = typing([key]);
    expect(asked).toMatchObject({ view: { asking: { verb, label: 'b' } }, effects: [] });
    expect(typing([key, 'y'])).toMatchObject({ view: { asking: null }, effects: [{ kind: 'act', verb, label: 'b' }] });
    for (const no of ['n', 'return', 'escape', key, 'q', 'down'])
      expect(typing([key, no]), no).toMatchObject({ view: { asking: null, selected: 'b' }, effects: [] });
  });

  test('it acts on the service that was asked about, whatever is selected meanwhile', () => {
    const { view } = typing(['s']);
    expect(typing(['y'], { ...view, selected: 'd' }).effects).toEqual([{ kind: 'act', verb: 'stop', label: 'b' }]);
  });

  test('a key with Ctrl acts on nothing', () => {
    expect(typing([ctrl('r'), ctrl('s')])).toEqual({ view: aView({ selected: 'b' }), effects: [] });
  });

  test('a paste acts on nothing, and answers nothing', () => {
    const pasted = (text: string): Key => ({ name: 'paste', text, ctrl: false });
    expect(typing([pasted('s'), pasted('y')])).toEqual({ view: aView({ selected: 'b' }), effects: [] });
    expect(typing(['s', pasted('y')])).toMatchObject({ view: { asking: { verb: 'stop' } }, effects: [] });
    expect(typing(['/', pasted('a'), pasted('p')]).view.filter).toBe('ap');
  });

  test('Ctrl-C quits from anywhere', () => {
    for (const keys of [['s'], ['/', 'x'], ['l'], ['?'], []])
      expect(typing([...keys, ctrl('c')]).effects).toEqual([{ kind: 'quit' }]);
  });
});

describe('the filter', () => {
  const rows = [aRow('api-east'), aRow('api-west', 'held'), aRow('worker', 'backoff')];
  const names = (filter: string) => listed(rows, aView({ filter })).map(row => row.label);

  test('takes letters until Enter, which are no commands meanwhile', () => {
    expect(typing(['/', 'q', 's', 'S']).view).toMatchObject({ typing: true, filter: 'qsS', asking: null });
    expect(typing(['/', 'a', 'b', 'backspace', 'return']).view).toMatchObject({ typing: false, filter: 'a' });
    expect(typing(['/', 'a', 'return', 'q']).effects).toEqual([{ kind: 'quit' }]);
    expect(typing(['/', '日', '✅', 'backspace']).view.filter).toBe('日');
  });

  test('Esc clears it', () => {
    expect(typing(['/', 'a', 'escape']).view).toMatchObject({ typing: false, filter: '' });
    expect(typing(['/', 'a', 'return', 'escape']).view.filter).toBe('');
  });

  test('keeps services by a part of their name or phase', () => {
    expect(names('API')).toEqual(['api-west', 'api-east']);
    expect(names('backo')).toEqual(['worker']);
    expect(names('nothing')).toEqual([]);
  });
});

describe('the order', () => {
  const rows = [
    aRow('a', 'healthy', { cpuPercent: 1, memoryBytes: 30 }),
    aRow('b', 'stopped', { cpuPercent: null, memoryBytes: null }),
    aRow('c', 'held', { cpuPercent: 9, memoryBytes: 10 }),
    aRow('d', 'backoff', { cpuPercent: 5, memoryBytes: 20 }),
  ];
  const ordered = (order: View['order']) =>
    listed(rows, aView({ order }))
      .map(row => row.label)
      .join('');

  test('is by trouble first, and o goes through the others', () => {
    expect(aView().order).toBe('trouble');
    expect(['o', 'o', 'o', 'o', 'o'].map((_, index, all) => typing(all.slice(0, index + 1)).view.order)).toEqual([
      'name',
      'CPU',
      'memory',
      'restarts',
      'trouble',
    ]);
  });

  test.each([
    ['trouble', 'cdab'],
    ['name', 'abcd'],
    ['CPU', 'cdab'],
    ['memory', 'adcb'],
    ['restarts', 'abcd'],
  ] as const)('by %s: %s', (order, expected) => expect(ordered(order)).toBe(expected));
});

describe('a pane', () => {
  test('scrolls within its lines', () => {
    expect(typing(['return', 'down', 'down', 'up']).view.pane?.scroll).toBe(1);
    expect(typing(['return', 'up']).view.pane?.scroll).toBe(0);
    expect(typing(['return', 'end', 'down']).view.pane?.scroll).toBe(30);
  });

  test('of a log is scrolled from its end', () => {
    expect(typing(['l', 'up', 'up', 'down']).view.pane?.scroll).toBe(1);
    expect(typing(['l', 'home']).view.pane?.scroll).toBe(30);
    expect(typing(['l', 'home', 'end']).view.pane?.scroll).toBe(0);
  });

  test('of incidents goes to older and newer ones', () => {
    expect(typing(['i', 'left', 'left', 'left', 'right']).view.pane?.back).toBe(1);
    expect(typing(['i', 'down', 'left']).view.pane).toMatchObject({ back: 1, scroll: 0 });
  });

  test('goes over into another of the same service, and acts on it', () => {
    expect(typing(['l', 'i']).view.pane).toMatchObject({ kind: 'incidents', label: 'b', back: 0 });
    expect(typing(['l', 'r', 'y']).effects).toEqual([{ kind: 'act', verb: 'restart', label: 'b' }]);
    expect(typing(['?', 'r']).view.asking).toBeNull();
  });
});
