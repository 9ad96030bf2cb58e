/**
 * The script of the page, as text: it runs in browsers only. No backticks and no `${` in it. Whatever comes from a service gets into the
 * page as text and never as HTML. Every place that shows something is drawn anew only if that has changed, so that a selection stays.
 */
export const pageScript = String.raw`
'use strict';
(() => {
const POLL_MS = 5000, HIDDEN_MS = 60000, TIMEOUT_MS = 10000, STALE_MS = 20000, LOG_LINES = 80, LAST_RUNS = 10, FILTER_FROM = 9;
const $ = id => document.getElementById(id);
const TONE = { healthy: 'good', running: 'good', held: 'bad', lost: 'bad', unhealthy: 'bad', backoff: 'warn', cooldown: 'warn', limited: 'warn', starting: 'busy', stopping: 'busy', waiting: 'busy' };
const TOKEN = 'agent-watch-token';
let token = null;
try { token = localStorage.getItem(TOKEN); } catch { /* Storage is switched off: the token lasts as long as the page. */ }

const el = (tag, cls, text) => {
  const node = document.createElement(tag);
  if (cls) node.className = cls;
  if (text !== undefined && text !== null) node.textContent = text;
  return node;
};
const add = (parent, ...nodes) => { parent.append(...nodes.filter(node => node)); return parent; };
const setText = (node, text) => { if (node.textContent !== text) node.textContent = text; };
const drawn = new Map();
// Draws a place anew only if what it shows has changed.
const draw = (place, key, nodes) => {
  const now = JSON.stringify(key);
  if (drawn.get(place) === now) return;
  drawn.set(place, now);
  place.replaceChildren(...nodes());
};
const two = number => String(number).padStart(2, '0');
const when = at => {
  const date = new Date(at), clock = two(date.getHours()) + ':' + two(date.getMinutes());
  const today = new Date().toDateString() === date.toDateString();
  return today ? clock + ':' + two(date.getSeconds()) : date.toLocaleDateString([], { month: 'short', day: 'numeric' }) + ' ' + clock;
};
const times = count => count === 1 ? 'once' : count === 2 ? 'twice' : count + ' times';
const ago = ms => { const s = Math.round(ms / 1000); return s < 60 ? s + 's' : s < 3600 ? Math.floor(s / 60) + 'm' + two(s % 60) + 's' : Math.floor(s / 3600) + 'h' + two(Math.floor(s / 60) % 60) + 'm'; };

class Refused extends Error {}
async function get(path) {
  const headers = token ? { authorization: 'Bearer ' + token } : {};
  const answer = await fetch(path, { headers, cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (answer.status === 401) throw new Refused(token ? 'This token is not accepted.' : '');
  if (answer.ok) return await answer.json();
  const text = (await answer.text()).trim();
  let why = text;
  try { why = JSON.parse(text).error; } catch { /* Not JSON: the text itself says it. */ }
  throw Object.assign(new Error(why || 'HTTP ' + answer.status), { status: answer.status });
}

function commandLine(text) {
  const line = add(el('div', 'type'), el('code', '', text));
  if (!navigator.clipboard) return line;
  const button = el('button', '', 'Copy');
  button.addEventListener('click', () => navigator.clipboard.writeText(text).then(() => {
    button.textContent = 'Copied';
    setTimeout(() => { button.textContent = 'Copy'; }, 1500);
  }, () => { button.textContent = 'Not allowed'; }));
  return add(line, button);
}

// The little Markdown that post-mortems use, as nodes.
function inline(parent, text) {
  const pattern = /(\x60+)(.+?)\1(?!\x60)|\*\*(.+?)\*\*|\\([^\w\s])/g;
  let at = 0;
  for (const found of text.matchAll(pattern)) {
    parent.append(text.slice(at, found.index));
    if (found[2] !== undefined) parent.append(el('code', '', found[2].replace(/^ (.*\x60.*) $/, '$1')));
    else if (found[3] !== undefined) parent.append(el('strong', '', found[3]));
    else parent.append(found[4]);
    at = found.index + found[0].length;
  }
  parent.append(text.slice(at));
  return parent;
}
function markdown(text) {
  const root = el('div', 'report');
  let list = null, block = null, fence = '';
  for (const line of text.split('\n')) {
    const mark = /^\x60{3,}/.exec(line);
    if (block && fence && line === fence) { block = null; fence = ''; continue; }
    if (block && fence) { block.append(line + '\n'); continue; }
    if (mark) { fence = mark[0]; block = add(root, el('pre')).lastChild; continue; }
    if (/^ {4}/.test(line)) { root.append(commandLine(line.trim())); continue; }
    const item = /^- (.*)/.exec(line), title = /^(#+) (.*)/.exec(line);
    if (!item) list = null;
    if (item) { list = list || add(root, el('ul')).lastChild; list.append(inline(el('li'), item[1])); }
    else if (title) root.append(inline(el('h4'), title[2]));
    else if (line.trim() !== '') root.append(inline(el('p'), line));
  }
  return root;
}

// A part that is asked for when it is opened, and again with every poll while it is open.
function fold(title, load) {
  const box = el('details', 'fold'), inside = el('div');
  add(box, el('summary', '', title), inside);
  box.refresh = async () => {
    if (!box.open) return;
    await load(inside).catch(error => draw(inside, [error.message], () => [el('p', 'more', error.message)]));
  };
  box.addEventListener('toggle', box.refresh);
  return box;
}
const report = which => async inside => {
  const found = await get('api/incident?which=' + encodeURIComponent(which));
  draw(inside, found.report, () => [markdown(found.report)]);
};

// A narrow screen shows the time only where a new minute begins.
const timed = lines => lines.flatMap((line, at) => {
  const minute = line.at.slice(0, 16), isFirst = at === 0 || lines[at - 1].at.slice(0, 16) !== minute;
  return [el('time', isFirst ? 'first' : '', when(line.at) + '  '), line.text + '\n'];
});

// How a run went, in one line, and below it what was odd about it.
const tookText = ms => ms === null ? null : ms < 1000 ? ms + 'ms' : ago(ms).replace(/([hm])00[ms]$/, '$1');
function endText(run) {
  if (run.cause === 'success' || run.cause === 'orphan') return run.cause;
  return run.cause + ' (' + (run.exit.signal || (run.exit.code === null ? 'exit status unknown' : 'exit code ' + run.exit.code)) + ')';
}
const END_TONE = { success: 'good', stopped: 'rest', restarted: 'rest', limited: 'warn', orphan: 'warn' };
const reasonsOf = (word, why) => why ? word + ': ' + why : word;
function runRow(run) {
  const numbers = Object.entries(run.metrics).map(([name, value]) => name + ' ' + Number(value.toPrecision(4)));
  const took = tookText(run.durationMs);
  const odd = [
    run.why !== null && el('span', '', run.why),
    run.unusual.length > 0 && el('span', 'warn', 'unusual: ' + run.unusual.join('; ')),
    run.verdict && el('span', run.verdict.verdict === 'fail' ? 'warn' : '', reasonsOf('judge: ' + run.verdict.verdict, run.verdict.note || (run.verdict.reasons || []).map(({ why }) => why).join('; '))),
    run.mark && el('span', run.mark.mark === 'bad' ? 'bad' : '', reasonsOf('marked ' + run.mark.mark, run.mark.why)),
  ].filter(part => part);
  const head = add(el('p'), el('strong', '', 'run ' + run.run), el('span', 'phase ' + (END_TONE[run.cause] || 'bad'), endText(run)));
  const facts = [run.startedAt && when(run.startedAt), took && 'took ' + took, ...numbers].filter(fact => fact);
  head.append(el('span', 'more', facts.join(' \u00b7 ')));
  const row = add(el('li'), head);
  for (const part of odd) add(row, add(el('p', 'odd'), part));
  return row;
}

const cards = new Map();
function cardOf(name) {
  if (cards.has(name)) return cards.get(name);
  const box = el('details'), row = el('summary', 'row'), inside = el('div', 'inside');
  const card = { box, row, name: el('span', 'name', name), phase: el('span', 'phase'), what: el('span', 'what'), facts: el('span', 'facts'), about: el('dl'), log: el('pre', 'log') };
  card.incident = fold('Last incident', report(name));
  card.events = fold('Events', async place => {
    const events = await get('api/events?lines=30&name=' + encodeURIComponent(name));
    draw(place, events, () => {
      const list = add(el('pre', 'log'), ...timed(events));
      // The newest are at the end.
      requestAnimationFrame(() => { list.scrollTop = list.scrollHeight; });
      return [list];
    });
  });
  card.runs = fold('Last runs', async place => {
    const runs = await get('api/runs?lines=' + LAST_RUNS + '&name=' + encodeURIComponent(name));
    draw(place, runs, () => runs.length === 0 ? [el('p', 'more', 'No run has ended yet.')]
      : [add(el('ol', 'runs'), ...runs.reverse().map(runRow)), commandLine('agent-watch runs ' + name)]);
  });
  add(row, card.name, card.phase, card.what, card.facts);
  add(inside, card.about, el('h3', '', 'Last lines'), card.log, card.incident, card.runs, card.events, commandLine('agent-watch logs ' + name + ' -f'));
  add(box, row, inside);
  card.refresh = async () => {
    if (!box.open) return;
    void card.incident.refresh();
    void card.runs.refresh();
    void card.events.refresh();
    try { showLog(card.log, await get('api/logs?lines=' + LOG_LINES + '&name=' + encodeURIComponent(name))); }
    catch (error) { draw(card.log, [error.message], () => [error.message]); }
  };
  box.addEventListener('toggle', () => {
    history.replaceState(null, '', box.open ? '#' + encodeURIComponent(name) : location.pathname + location.search);
    void card.refresh();
  });
  cards.set(name, card);
  return card;
}
function showLog(place, lines) {
  const atEnd = place.scrollHeight - place.scrollTop - place.clientHeight < 40;
  draw(place, lines, () => lines.length === 0 ? ['no output'] : timed(lines));
  if (atEnd) place.scrollTop = place.scrollHeight;
}

function showServices(services) {
  const words = $('filter').value.trim().toLowerCase().split(/\s+/);
  const isMeant = one => words.every(word => one.name.toLowerCase().includes(word) || one.phase.includes(word));
  for (const one of services) {
    const card = cardOf(one.name);
    setText(card.phase, one.phase);
    card.phase.className = 'phase ' + (TONE[one.phase] || '');
    setText(card.what, one.what);
    const facts = [one.up && 'up ' + one.up, one.cpu && one.cpu + ' CPU', one.memory, one.restarts && one.restarts + (one.restarts === 1 ? ' restart' : ' restarts')];
    setText(card.facts, facts.filter(fact => fact).join(' \u00b7 '));
    draw(card.about, [one.command, one.pid], () => [el('dt', '', 'Command'), el('dd', '', one.command), el('dt', '', 'Process'), el('dd', '', one.pid === null ? 'none' : String(one.pid))]);
    card.incident.hidden = one.lastIncidentId === null;
    card.box.hidden = !isMeant(one);
  }
  const names = services.map(one => one.name);
  for (const [name, card] of cards) if (!names.includes(name)) { card.box.remove(); cards.delete(name); }
  const order = names.map(name => cards.get(name).box), place = $('services');
  if (order.some((box, at) => place.children[at] !== box)) order.forEach((box, at) => { if (place.children[at] !== box) place.insertBefore(box, place.children[at] || null); });
  $('filter').hidden = services.length < FILTER_FROM;
}

const needCard = need => add(el('div', 'card ' + need.severity), add(el('p'), el('strong', '', need.name), ': ' + need.why), commandLine(need.next));
const failures = new Map();
function failureCard(one) {
  const card = add(el('div', 'card'), add(el('p'), el('strong', '', one.name), ': ' + one.category + ' ' + times(one.count)));
  card.append(el('p', 'more', 'last ' + when(one.lastAt) + (one.recoveredAt === null ? '' : ', recovered')));
  if (one.keyLine !== null) card.append(el('pre', '', one.keyLine));
  card.append(inline(el('p'), one.recommendation));
  if (!failures.has(one.lastId)) failures.set(one.lastId, fold('Post-mortem', report(one.lastId)));
  return add(card, failures.get(one.lastId));
}
function show(data) {
  const brief = data.brief, needs = brief.needsPerson, counts = new Map();
  document.title = (needs.length ? '(' + needs.length + ') ' : '') + 'agent-watch ' + data.host;
  setText($('host'), data.host);
  setText($('head'), [data.head, ...data.faults].join('. '));
  setText($('version'), 'agent-watch ' + data.version + '. Read-only: to act, type the commands on ' + data.host + '.');
  draw($('needs'), needs, () => needs.length ? needs.map(needCard) : [el('p', 'more', data.services.length ? 'Nothing: no service waits for a person.' : 'No services yet. agent-watch start or agent-watch apply makes the first.')]);
  draw($('failures'), brief.failures, () => brief.failures.map(failureCard));
  const shared = brief.shared.filter(one => one.what);
  draw($('shared'), shared, () => shared.map(one => el('p', 'card', when(one.at) + ' ' + one.names.join(', ') + ': ' + one.what)));
  draw($('trends'), brief.trends, () => brief.trends.map(one => el('p', 'card', one.name + ': ' + one.text)));
  for (const [id, list] of [['failures-box', brief.failures], ['shared-box', shared], ['trends-box', brief.trends], ['services-box', data.services]]) $(id).hidden = list.length === 0;
  for (const one of data.services) counts.set(one.phase, (counts.get(one.phase) || 0) + 1);
  setText($('counts'), [...counts].map(([phase, count]) => count + '\u00a0' + phase).join(', '));
  showServices(data.services);
}

let latest = null, seenAt = 0, failure = null, timer = 0, isAsking = false, isFirst = true;
async function poll() {
  if (isAsking) return;
  isAsking = true;
  clearTimeout(timer);
  try {
    const data = await get('api/page');
    // The server was updated meanwhile: so is the page.
    if (data.page !== document.documentElement.dataset.page) return location.reload();
    latest = data; seenAt = Date.now(); failure = null;
    $('login').hidden = true;
    document.querySelector('main').hidden = false;
    $('logout').hidden = !token;
    show(data);
    if (isFirst) openNamed();
    isFirst = false;
    for (const card of cards.values()) void card.refresh();
    for (const box of failures.values()) void box.refresh();
  } catch (error) {
    failure = error instanceof Refused ? error.message : error.status ? error.message : 'No answer from agent-watch serve.';
    if (error instanceof Refused) { $('login').hidden = false; document.querySelector('main').hidden = true; }
  }
  isAsking = false;
  tell();
  timer = setTimeout(poll, document.hidden ? HIDDEN_MS : POLL_MS);
}
function openNamed() {
  const card = cards.get(decodeURIComponent(location.hash.slice(1)));
  if (card) { card.box.open = true; card.box.scrollIntoView(); }
}
// How old what is shown is; said aloud when it is no longer true for certain.
function tell() {
  const age = Date.now() - seenAt, isAsked = !$('login').hidden;
  const isStale = latest !== null && !isAsked && (failure !== null || age > STALE_MS);
  document.body.classList.toggle('stale', isStale || failure !== null);
  setText($('fresh'), isAsked ? 'signed out' : latest === null ? (failure ? 'no answer' : 'connecting') : 'updated ' + (age < 2500 ? 'now' : ago(age) + ' ago'));
  const from = latest === null ? '' : ' What is shown is from ' + when(seenAt) + '.';
  const why = isAsked ? failure || '' : failure !== null ? failure + from + ' Trying again every 5s.' : isStale ? 'Not updated since ' + when(seenAt) + '.' : '';
  setText($('banner'), why);
  $('banner').hidden = why === '';
}
$('login').addEventListener('submit', event => {
  event.preventDefault();
  token = $('token').value.trim();
  try { localStorage.setItem(TOKEN, token); } catch { /* As above. */ }
  void poll();
});
$('logout').addEventListener('click', () => {
  token = null;
  try { localStorage.removeItem(TOKEN); } catch { /* As above. */ }
  location.reload();
});
$('filter').addEventListener('input', () => latest && showServices(latest.services));
document.addEventListener('visibilitychange', () => { if (!document.hidden) { tell(); void poll(); } });
addEventListener('online', () => void poll());
setInterval(tell, 1000);
void poll();
})();
`;
