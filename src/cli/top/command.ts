import { EXIT } from '../../core/signals.ts';
import type { Selection } from '../arguments/invocation.ts';
import { readServices, type StatusRow } from '../commands/status.ts';
import { type CleanerFor, loadCleaner } from '../commands/status-detail.ts';
import { select, selectKnown } from '../fleet/select.ts';
import { canDraw, localStamp } from '../render/terminal.ts';
import { CommandFailed, UsageError } from '../usage-error.ts';
import {
  contentOf,
  createLastLines,
  createMeter,
  detailOf,
  type Message,
  openScreen,
  type PaneContent,
  perform,
} from './content.ts';
import { frame, type Picture } from './frame.ts';
import {
  FIRST_VIEW,
  type Key,
  listed,
  type Pane,
  press,
  type Shown,
  settled,
  type TopRow,
  type Verb,
  type View,
} from './view.ts';

/** How often services are read, and how often the log that is shown is. */
const EVERY_MS = 1000;
const LOG_EVERY_MS = 250;
/** Looking takes at most a tenth of a core, however many services there are. */
const REST_PER_LOOK = 9;
const MESSAGE_MS = 10_000;

/** Shows the services live and lets them be operated by keys; refuses anything but a terminal. */
export async function topCommand(selection: Selection): Promise<number> {
  if (!canDraw())
    throw new UsageError('top needs a terminal; into a pipe, agent-watch status --watch prints what changes');
  return await liveView(selection);
}

/** The same for a caller that has seen to the terminal. */
export async function liveView(selection: Selection): Promise<number> {
  const { services, code } = selectKnown(selection);
  if (services.length === 0 && code !== EXIT.ok) return code;
  const view = createLiveView(selection, await loadCleaner());
  try {
    await view.run();
  } finally {
    view.close();
  }
  for (const { label, verb } of view.pending()) process.stderr.write(`${label}: waiting for ${verb}\n`);
  for (const { done } of view.pending()) process.stderr.write(`${(await done).text}\n`);
  return EXIT.ok;
}

interface Action {
  readonly label: string;
  readonly verb: Verb;
  readonly done: Promise<Message>;
}

function createLiveView(selection: Selection, cleanerFor: CleanerFor) {
  let view: View = FIRST_VIEW;
  let over = false;
  let services: readonly StatusRow[] = [];
  let rows: readonly TopRow[] = [];
  let detail = '';
  let message: (Message & { until: number }) | null = null;
  let content: PaneContent | null = null;
  let shown: Shown = { labels: [], page: 1, mostScroll: 0, mostBack: 0 };
  let wake = () => {};
  let woken = false;
  const meter = createMeter();
  const lastLines = createLastLines(cleanerFor);
  const actions = new Set<Action>();

  const rouse = () => {
    woken = true;
    wake();
  };
  const gone = () => {
    over = true;
    rouse();
  };
  const screen = openScreen({ key: onKey, resized: rouse, gone });

  function onKey(key: Key): void {
    const pressed = press(view, key, shown);
    view = pressed.view;
    if (pressed.effect?.kind === 'quit') over = true;
    if (pressed.effect?.kind === 'redraw') screen.forget();
    if (pressed.effect?.kind === 'act') act(pressed.effect.label, pressed.effect.verb);
    if (!over) draw();
    rouse();
  }

  function say(text: string, bad: boolean): void {
    message = { text, bad, until: Date.now() + MESSAGE_MS };
  }

  function act(label: string, verb: Verb): void {
    const row = services.find(one => one.service.label === label);
    if (row === undefined) return say(`${label} is gone`, true);
    say(`${label}: ${verb} …`, false);
    const action = { label, verb, done: perform(row, verb) };
    actions.add(action);
    void action.done.then(({ text, bad }) => {
      actions.delete(action);
      say(text, bad);
      rouse();
    });
  }

  function gather(): void {
    try {
      const read = readServices(select(selection).services);
      services = read.rows;
      rows = services.map(meter.measured);
      const [fault] = read.faults;
      if (fault !== undefined) say(fault, true);
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error;
      [services, rows] = [[], []];
      say(error.message, true);
    }
  }

  async function describe(): Promise<void> {
    const row = services.find(one => one.service.label === view.selected);
    detail = row === undefined ? '' : await detailOf(row);
    const { pane } = view;
    if (pane === null) content = null;
    // A log that was scrolled up stays where it is.
    else if (pane.kind !== 'logs' || pane.scroll === 0 || content === null || !isSame(content.pane, pane))
      content = await contentOf(pane, services);
  }

  function draw(): void {
    const names = listed(rows, view);
    const labels = names.map(row => row.label);
    view = settled(view, labels, shown.labels);
    if (message !== null && message.until < Date.now()) message = null;
    const { pane } = view;
    const picture: Picture = {
      view,
      rows,
      listed: names,
      lastLine: row => lastLines(services.find(one => one.service.label === row.label)),
      detail,
      message,
      pane: content !== null && pane !== null && isSame(content.pane, pane) ? content : null,
      clock: localStamp(Date.now()).slice(11),
      stateDir: selection.allUsers ? 'all users' : selection.stateDir,
    };
    const { lines, page, mostScroll, offset } = frame(picture, screen.size());
    view = { ...view, offset };
    shown = { labels, page, mostScroll, mostBack: content?.mostBack ?? 0 };
    screen.draw(lines);
  }

  async function rest(ms: number): Promise<void> {
    if (!woken)
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, ms);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    woken = false;
  }

  async function run(): Promise<void> {
    let dueAt = 0;
    while (!over) {
      const begun = performance.now();
      if (begun >= dueAt) {
        gather();
        view = settled(
          view,
          listed(rows, view).map(row => row.label),
          shown.labels,
        );
        dueAt = begun + Math.max(EVERY_MS, REST_PER_LOOK * (performance.now() - begun));
      }
      await describe();
      if (over) return;
      draw();
      await rest(
        Math.max(0, Math.min(dueAt - performance.now(), view.pane?.kind === 'logs' ? LOG_EVERY_MS : EVERY_MS)),
      );
    }
  }

  return { run, close: screen.close, pending: () => [...actions] };
}

const isSame = (one: Pane, other: Pane): boolean =>
  one.kind === other.kind && one.label === other.label && one.back === other.back;
