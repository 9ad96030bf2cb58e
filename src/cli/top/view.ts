/** What the live view shows and what a key does to it. Pure: the services, the terminal and the clock are brought by the caller. */

import type { Status } from '../../core/status.ts';
import { byTrouble } from '../render/tables.ts';

/** A service as the list shows it. */
export interface TopRow {
  /** The name, or with --all-users `user/name`: what a row is known by. */
  readonly label: string;
  readonly status: Status;
  /** Of one core, in the last interval. */
  readonly cpuPercent: number | null;
  readonly memoryBytes: number | null;
  /** Resident memory over the run, oldest first. */
  readonly history: readonly number[];
  readonly well: boolean;
}

const ORDERS = ['trouble', 'name', 'CPU', 'memory', 'restarts'] as const;
type Order = (typeof ORDERS)[number];

/** What can be done to a service; each is asked first. */
export type Verb = 'restart' | 'stop' | 'start' | 'reset';

export type PaneKind = 'details' | 'logs' | 'incidents' | 'help';

/** A full screen about one service, or the help. */
export interface Pane {
  readonly kind: PaneKind;
  /** Empty for the help. */
  readonly label: string;
  /** Lines from the top; of a log from the end. */
  readonly scroll: number;
  /** How many incidents before the newest one. */
  readonly back: number;
}

/** The state of the view. */
export interface View {
  readonly selected: string | null;
  /** The first row of the window. */
  readonly offset: number;
  readonly order: Order;
  readonly filter: string;
  /** The filter is being typed. */
  readonly typing: boolean;
  readonly asking: { readonly verb: Verb; readonly label: string } | null;
  readonly pane: Pane | null;
}

export const FIRST_VIEW: View = {
  selected: null,
  offset: 0,
  order: 'trouble',
  filter: '',
  typing: false,
  asking: null,
  pane: null,
};

/** A key: its name as Node's readline tells it (`up`, `return`, `c`), `paste` for what is pasted, and what it types. */
export interface Key {
  readonly name: string;
  readonly text: string;
  readonly ctrl: boolean;
}

/** What the caller is to do after a key, beside drawing the new view. */
export type Effect =
  | { readonly kind: 'quit' }
  | { readonly kind: 'redraw' }
  | { readonly kind: 'act'; readonly verb: Verb; readonly label: string };

/** What was on the screen when the key was pressed. */
export interface Shown {
  /** The labels of the list, in its order. */
  readonly labels: readonly string[];
  /** How many lines a page has. */
  readonly page: number;
  /** How far the pane can be scrolled. */
  readonly mostScroll: number;
  /** How many incidents there are before the newest one. */
  readonly mostBack: number;
}

/** The rows that match the filter by name or phase, in the order of the view. */
export function listed(rows: readonly TopRow[], { filter, order }: Pick<View, 'filter' | 'order'>): TopRow[] {
  const wanted = filter.toLowerCase();
  return rows
    .filter(row => row.label.toLowerCase().includes(wanted) || row.status.phase.includes(wanted))
    .toSorted((one, other) => compare(one, other, order) || (one.label < other.label ? -1 : 1));
}

function compare(one: TopRow, other: TopRow, order: Order): number {
  switch (order) {
    case 'trouble':
      return byTrouble(one.status, other.status);
    case 'CPU':
      return (other.cpuPercent ?? -1) - (one.cpuPercent ?? -1);
    case 'memory':
      return (other.memoryBytes ?? -1) - (one.memoryBytes ?? -1);
    case 'restarts':
      return other.status.restarts - one.status.restarts;
    default:
      return 0;
  }
}

/** The view with a selection that is in the list: the same service, else the one that took its place. */
export function settled(view: View, labels: readonly string[], before: readonly string[]): View {
  if (view.selected !== null && labels.includes(view.selected)) return view;
  const at = view.selected === null ? 0 : Math.max(0, before.indexOf(view.selected));
  return { ...view, selected: labels[Math.min(at, labels.length - 1)] ?? null };
}

interface Pressed {
  readonly view: View;
  readonly effect: Effect | null;
}

const only = (view: View): Pressed => ({ view, effect: null });

/** What a key does. */
export function press(view: View, key: Key, shown: Shown): Pressed {
  if (key.ctrl && key.name === 'c') return { view, effect: { kind: 'quit' } };
  if (key.ctrl && key.name === 'l') return { view, effect: { kind: 'redraw' } };
  if (view.asking !== null && key.name !== 'paste') return answered(view, view.asking, key);
  if (view.typing) return typed(view, key, shown);
  if (key.name === 'paste') return only(view);
  // Of the other keys with Ctrl, none is meant for us: Ctrl-R must not restart.
  if (key.ctrl) return only(view);
  return view.pane === null ? inList(view, key, shown) : inPane(view, view.pane, key, shown);
}

/** Only a `y` is a yes: whoever pressed a wrong key is not to lose a service by a second one. */
function answered(view: View, asking: NonNullable<View['asking']>, key: Key): Pressed {
  const effect = key.text === 'y' || key.text === 'Y' ? ({ kind: 'act', ...asking } as const) : null;
  return { view: { ...view, asking: null }, effect };
}

function typed(view: View, key: Key, shown: Shown): Pressed {
  if (key.name === 'return' || key.name === 'enter') return only({ ...view, typing: false });
  if (key.name === 'escape') return only({ ...view, typing: false, filter: '' });
  if (key.name === 'backspace') return only({ ...view, filter: [...view.filter].slice(0, -1).join('') });
  if (key.ctrl) return only(key.name === 'u' ? { ...view, filter: '' } : view);
  if (key.name === 'up' || key.name === 'down') return only(moved(view, key, shown));
  const isText = key.text !== '' && !/[\u0000-\u001f\u007f-\u009f]/.test(key.text);
  return only(isText ? { ...view, filter: view.filter + key.text } : view);
}

const PANES: Readonly<Record<string, PaneKind>> = { l: 'logs', i: 'incidents' };
const VERBS: Readonly<Record<string, Verb>> = { r: 'restart', s: 'stop', S: 'start', R: 'reset' };

const opened = (kind: PaneKind, label: string): Pane => ({ kind, label, scroll: 0, back: 0 });

/** Keys that mean the same in the list and in a pane; null: it is none of them. */
function aboutOne(view: View, key: Key, label: string | null): View | null {
  if (key.text === '?') return { ...view, pane: opened('help', '') };
  const isEnter = key.name === 'return' || key.name === 'enter';
  const kind = isEnter ? 'details' : Object.hasOwn(PANES, key.text) ? PANES[key.text] : undefined;
  const verb = Object.hasOwn(VERBS, key.text) ? VERBS[key.text] : undefined;
  if (label === null) return null;
  if (kind !== undefined) return { ...view, pane: opened(kind, label) };
  return verb === undefined ? null : { ...view, asking: { verb, label } };
}

function inList(view: View, key: Key, shown: Shown): Pressed {
  const about = aboutOne(view, key, view.selected);
  if (about !== null) return only(about);
  if (key.text === 'q') return { view, effect: { kind: 'quit' } };
  if (key.text === '/') return only({ ...view, typing: true });
  if (key.name === 'escape') return only({ ...view, filter: '' });
  if (key.text === 'o')
    return only({ ...view, order: ORDERS[(ORDERS.indexOf(view.order) + 1) % ORDERS.length] ?? 'trouble' });
  return only(moved(view, key, shown));
}

/** The selection after a key that moves it. */
function moved(view: View, key: Key, { labels, page }: Shown): View {
  const at = view.selected === null ? 0 : Math.max(0, labels.indexOf(view.selected));
  const to = target(key, at, labels.length - 1, view.typing ? 1 : Math.max(1, page));
  return { ...view, selected: labels[to] ?? view.selected };
}

function target({ name, text }: Key, at: number, last: number, page: number): number {
  const within = (to: number) => Math.max(0, Math.min(last, to));
  if (name === 'up' || text === 'k') return within(at - 1);
  if (name === 'down' || text === 'j') return within(at + 1);
  if (name === 'pageup') return within(at - page);
  if (name === 'pagedown' || text === ' ') return within(at + page);
  if (name === 'home' || text === 'g') return within(0);
  if (name === 'end' || text === 'G') return within(last);
  return at;
}

function inPane(view: View, pane: Pane, key: Key, shown: Shown): Pressed {
  if (key.text === 'q' || key.name === 'escape' || (key.text === '?' && pane.kind === 'help'))
    return only({ ...view, pane: null });
  const about = aboutOne(view, key, pane.kind === 'help' ? null : pane.label);
  if (about !== null) return only(about);
  const step = key.name === 'left' ? 1 : key.name === 'right' ? -1 : 0;
  if (pane.kind === 'incidents' && step !== 0) {
    const back = Math.max(0, Math.min(shown.mostBack, pane.back + step));
    return only(back === pane.back ? view : { ...view, pane: { ...pane, back, scroll: 0 } });
  }
  return only({ ...view, pane: { ...pane, scroll: scrolled(pane, key, shown) } });
}

/** A log is read from its end: there, up is further away from zero. */
function scrolled({ kind, scroll }: Pane, key: Key, { mostScroll, page }: Shown): number {
  const at = kind === 'logs' ? mostScroll - scroll : scroll;
  const to = target(key, Math.min(at, mostScroll), mostScroll, Math.max(1, page - 1));
  return kind === 'logs' ? mostScroll - to : to;
}
