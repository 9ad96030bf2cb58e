import { createHash } from 'node:crypto';
import type { Reply } from '../../control/http-server.ts';
import { pageScript } from './page-script.ts';

const style = `
:root { color-scheme: light dark; --page: #f4f5f7; --card: #fff; --text: #1b1f24; --muted: #57606a; --line: #d8dee4; --code: #eef1f4;
  --bad: #b3261e; --bad-soft: #fdecea; --warn: #8a5a00; --warn-soft: #fff3d1; --good: #1a7f37; --busy: #0a5cc2; --rest: #6e7781; }
@media (prefers-color-scheme: dark) {
  :root { --page: #0e1116; --card: #171b21; --text: #e8ebef; --muted: #9aa4af; --line: #2c333c; --code: #0e1116;
    --bad: #ff8a80; --bad-soft: #3a1d1b; --warn: #f0b429; --warn-soft: #362a0c; --good: #56d364; --busy: #6cb2ff; --rest: #8b949e; } }
* { box-sizing: border-box; }
[hidden] { display: none !important; }
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.45 system-ui, sans-serif; -webkit-text-size-adjust: 100%; }
header { position: sticky; top: 0; z-index: 1; display: flex; gap: .75rem; align-items: baseline; justify-content: space-between;
  padding: .7rem max(1rem, calc(50vw - 36rem)); background: var(--card); border-bottom: 1px solid var(--line); }
h1 { margin: 0; font-size: 1.05rem; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
h1 span { color: var(--muted); font-weight: 400; }
#fresh { margin: 0; flex: none; font-size: .85rem; color: var(--muted); font-variant-numeric: tabular-nums; }
#fresh::before { content: ""; display: inline-block; width: .55em; height: .55em; margin-right: .4em; border-radius: 50%; background: var(--good); }
.stale #fresh::before { background: var(--bad); }
.stale main { opacity: .55; }
#banner { margin: 0; padding: .7rem max(1rem, calc(50vw - 36rem)); background: var(--bad-soft); color: var(--bad); font-weight: 600; }
#login, main, footer { max-width: 74rem; margin: 0 auto; padding: 1rem; }
#login label { display: block; margin-bottom: .4rem; font-weight: 600; }
#login div { display: flex; gap: .5rem; }
input { min-width: 0; flex: 1; padding: .55rem .7rem; font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line); border-radius: .5rem; }
button { padding: .4rem .75rem; font: inherit; font-size: .9rem; color: inherit; background: var(--card); border: 1px solid var(--line); border-radius: .5rem; cursor: pointer; }
section { margin-bottom: 1.6rem; }
h2 { margin: 0 0 .6rem; font-size: 1rem; }
h2 small { margin-left: .4rem; color: var(--muted); font-weight: 400; }
h3 { margin: 1rem 0 .3rem; font-size: .9rem; color: var(--muted); }
#head { margin: 0 0 1.2rem; color: var(--muted); }
.card { margin-bottom: .6rem; padding: .7rem .9rem; background: var(--card); border: 1px solid var(--line); border-left: 4px solid var(--line); border-radius: .6rem; }
.card p { margin: 0; overflow-wrap: anywhere; }
.card.critical { border-left-color: var(--bad); background: var(--bad-soft); }
.card.warning { border-left-color: var(--warn); background: var(--warn-soft); }
.card .more { margin-top: .25rem; color: var(--muted); }
.type { display: flex; gap: .5rem; align-items: center; margin-top: .5rem; }
.type code { flex: 1; min-width: 0; padding: .4rem .6rem; white-space: pre-wrap; overflow-wrap: anywhere; user-select: all; background: var(--card); border: 1px solid var(--line); border-radius: .5rem; }
code, pre { font: .86em/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
p code, li code { padding: .05em .3em; background: var(--code); border-radius: .3em; overflow-wrap: anywhere; }
pre { margin: .3rem 0; padding: .6rem .75rem; overflow: auto; background: var(--code); border: 1px solid var(--line); border-radius: .5rem; white-space: pre-wrap; overflow-wrap: anywhere; }
pre.log { max-height: 45vh; }
pre time { color: var(--muted); }
@media (max-width: 40rem) { pre time { display: none; } pre time.first { display: block; margin-top: .4rem; } }
#filter { width: 100%; margin-bottom: .6rem; }
#services > details { scroll-margin-top: 3.5rem; background: var(--card); border: 1px solid var(--line); border-bottom-width: 0; }
#services > details:first-child { border-radius: .6rem .6rem 0 0; }
#services > details:last-child { border-bottom-width: 1px; border-radius: 0 0 .6rem .6rem; }
#services > details:only-child { border-radius: .6rem; }
summary { cursor: pointer; list-style: none; }
summary::-webkit-details-marker { display: none; }
.row { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: .1rem .75rem; align-items: baseline; padding: .65rem .9rem; }
.row .name { font-weight: 600; overflow-wrap: anywhere; }
.row .what { grid-column: 1 / -1; color: var(--muted); font-size: .9rem; overflow-wrap: anywhere; }
.row .facts { grid-column: 1 / -1; display: flex; gap: .9rem; color: var(--muted); font-size: .85rem; font-variant-numeric: tabular-nums; }
details[open] > .row .what, .row .what:empty { -webkit-line-clamp: none; }
.row .what { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; }
.phase { font-size: .85rem; font-weight: 600; color: var(--rest); }
.phase::before { content: ""; display: inline-block; width: .6em; height: .6em; margin-right: .4em; border-radius: 50%; background: currentColor; }
.good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); } .busy { color: var(--busy); }
.inside { padding: 0 .9rem .9rem; border-top: 1px solid var(--line); }
.inside dl { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: .15rem .9rem; margin: .8rem 0 0; font-size: .9rem; }
.inside dt { color: var(--muted); } .inside dd { margin: 0; overflow-wrap: anywhere; font-family: ui-monospace, Menlo, Consolas, monospace; }
.fold > summary { padding: .5rem 0 0; font-size: .9rem; color: var(--busy); }
.fold > summary::before { content: "\\25b8\\00a0"; } .fold[open] > summary::before { content: "\\25be\\00a0"; }
.report { max-width: 56rem; font-size: .93rem; } .report h4 { margin: .9rem 0 .2rem; } .report p, .report ul { margin: .3rem 0; overflow-wrap: anywhere; } .report ul { padding-left: 1.2rem; }
.runs { margin: .5rem 0; padding: 0; list-style: none; font-size: .9rem; } .runs li { padding: .4rem 0; border-top: 1px solid var(--line); } .runs li:first-child { border-top: 0; }
.runs p { display: flex; flex-wrap: wrap; gap: 0 .75rem; margin: 0; overflow-wrap: anywhere; } .runs .more { color: var(--muted); font-variant-numeric: tabular-nums; } .runs .odd span { min-width: 0; }
footer { color: var(--muted); font-size: .85rem; }
:focus-visible { outline: 2px solid var(--busy); outline-offset: 2px; }
@media (min-width: 60rem) {
  .row { grid-template-columns: minmax(0, 1fr) auto 7rem; } .row .facts { grid-column: 2; grid-row: 1; } .row .phase { grid-column: 3; grid-row: 1; }
  main { display: grid; grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); gap: 0 1.5rem; align-items: start; }
  #head { grid-column: 1 / -1; }
  #needs-box { grid-column: 2; } #services-box { grid-column: 1; grid-row: 2 / span 9; } #failures-box, #shared-box, #trends-box { grid-column: 2; }
}`;

const body = `
<header><h1>agent-watch <span id="host"></span></h1><p id="fresh">connecting</p></header>
<p id="banner" role="alert" hidden></p>
<form id="login" hidden><label for="token">Token</label><div><input id="token" type="password" autocomplete="current-password" required><button>Sign in</button></div>
<p class="more">What --listen-token-file of agent-watch serve holds. This browser keeps it until you sign out.</p></form>
<main hidden>
<p id="head"></p>
<section id="needs-box"><h2>Needs attention</h2><div id="needs"></div></section>
<section id="services-box"><h2>Services<small id="counts"></small></h2><input id="filter" type="search" placeholder="Filter by name or phase" aria-label="Filter services" hidden><div id="services"></div></section>
<section id="failures-box"><h2>What failed<small>last 24 hours</small></h2><div id="failures"></div></section>
<section id="shared-box"><h2>Together</h2><div id="shared"></div></section>
<section id="trends-box"><h2>Trends</h2><div id="trends"></div></section>
</main>
<footer><span id="version"></span> <button id="logout" hidden>Sign out</button></footer>
<noscript><p>This page needs JavaScript. /api/brief and /api/status hold the same as JSON.</p></noscript>`;

const icon =
  'data:image/svg+xml,%3Csvg xmlns=%22http://www.w3.org/2000/svg%22 viewBox=%220 0 16 16%22%3E%3Ccircle cx=%228%22 cy=%228%22 r=%226%22 fill=%22%231a7f37%22/%3E%3C/svg%3E';

const html = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>agent-watch</title><link rel="icon" href="${icon}"><style>${style}</style></head>
<body>${body}<script>${pageScript}</script></body></html>
`;

const hashOf = (text: string): string => createHash('sha256').update(text).digest('base64');

/**
 * The page, which holds nothing of any service: its script asks for that. `id` tells one version of it from another, so that a page left
 * open over an update loads itself again. Nothing but this one script and this one style is run, and nothing is loaded from elsewhere.
 */
export function pageReply(): { id: string; reply: Reply } {
  const policy = [
    "default-src 'none'",
    `script-src 'sha256-${hashOf(pageScript)}'`,
    `style-src 'sha256-${hashOf(style)}'`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  const id = hashOf(html);
  const headers = { 'content-security-policy': policy, 'referrer-policy': 'no-referrer', 'x-frame-options': 'DENY' };
  return {
    id,
    reply: {
      code: 200,
      type: 'text/html; charset=utf-8',
      text: html.replace('<html', `<html data-page="${id}"`),
      headers,
    },
  };
}
