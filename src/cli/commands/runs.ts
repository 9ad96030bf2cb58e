import { join } from 'node:path';
import { linesFromEnd } from '../../child/log-lines.ts';
import {
  type Agreement,
  agreementOf,
  calibrationText,
  type Mark,
  markIn,
  verdictIn,
  verdictText,
} from '../../core/judgement.ts';
import { EXIT } from '../../core/signals.ts';
import { clipStart, plainLine } from '../../core/text.ts';
import { durationText, sizeText } from '../../core/units.ts';
import { unusualOfLast } from '../../core/unusual.ts';
import type { UnusualRun } from '../../incidents/brief.ts';
import { createRunJournal, mayBeUnusual, readRuns, readRunsQuickly } from '../../state/line-log.ts';
import { LOG_FILE } from '../../state/state-folder.ts';
import type { Invocation } from '../arguments/invocation.ts';
import { type Service, selectReadable } from '../fleet/select.ts';
import { alignedRows, endText, type ListedRun, measureFor, metricText, oneLine, runTable } from '../render/tables.ts';
import { localStamp, ownColumns, print, terminalLine } from '../render/terminal.ts';
import { CommandFailed } from '../usage-error.ts';

type RunsInvocation = Extract<Invocation, { kind: 'runs' }>;
type RunInvocation = Extract<Invocation, { kind: 'run' }>;
type MarkInvocation = Extract<Invocation, { kind: 'mark' }>;
type AgreementInvocation = Extract<Invocation, { kind: 'agreement' }>;

const DEFAULT_RUNS = 20;
const DEFAULT_LINES = 100;

/** The last runs of services in the order in which they ended, oldest first. */
export function lastRuns(services: readonly Service[], most: number): ListedRun[] {
  const all = services.flatMap(service => runsOf(service, most));
  const time = ({ endedAt, startedAt }: ListedRun) => endedAt ?? startedAt ?? '';
  if (services.length > 1) all.sort((one, other) => (time(one) < time(other) ? -1 : time(one) > time(other) ? 1 : 0));
  return all.slice(Math.max(0, all.length - most));
}

/** The last runs of a service, oldest first. */
export function runsOf({ stateDir, name, label }: Service, most = Number.POSITIVE_INFINITY): ListedRun[] {
  const all = readRuns(join(stateDir, name));
  const unusual = unusualOfLast(all, most);
  const from = all.length - unusual.length;
  return all.slice(from).map(({ sketch: _notForPeople, ...run }, at) => ({
    name: label,
    ...run,
    unusual: unusual[at] ?? [],
  }));
}

/** Lists the last runs, from the journals alone. */
export async function runsCommand({ lines, json, ...selection }: RunsInvocation): Promise<number> {
  const { services, code } = selectReadable(selection);
  if (services.length === 0 && code !== 0) return code;
  const runs = lastRuns(services, lines ?? DEFAULT_RUNS);
  if (json) print(`${JSON.stringify(runs, null, 2)}\n`);
  else {
    await measureFor(runs);
    const table = runTable(runs, services.length > 1, ownColumns());
    print(`${table}
${worthLines(services, runs)}`);
  }
  return code;
}

/** What the verdicts in a table are worth: a line for each service that has any. */
function worthLines(services: readonly Service[], runs: readonly ListedRun[]): string {
  const judged = new Set(runs.filter(({ verdict }) => verdict !== null).map(({ name }) => name));
  return services
    .filter(({ label }) => judged.has(label))
    .map(
      service => `the judge of ${service.label} is ${calibrationText(agreementOf(runsOf(service)))}
`,
    )
    .join('');
}

/** Shows one run with all that is known of it, and its output as far as that is in the log. */
export function runCommand({ name, run: number, lines, json, ...selection }: RunInvocation): number {
  const { services, code } = selectReadable({ ...selection, names: [name] });
  const [service] = services;
  if (service === undefined) return code;
  const run = runOf(service, number);
  const output = outputOf(service, run.run, lines ?? DEFAULT_LINES);
  if (json) print(`${JSON.stringify({ ...run, output: output.map(text => text.toString('utf8')) }, null, 2)}\n`);
  else print(`${runText(run, output, calibrationText(agreementOf(runsOf(service))))}\n`);
  return EXIT.ok;
}

/**
 * The last run of a service with that number; null: the last of all.
 * @throws CommandFailed if the journal has none
 */
export function runOf(service: Service, number: number | null): ListedRun {
  const runs = runsOf(service);
  const run = number === null ? runs.at(-1) : runs.findLast(one => one.run === number);
  if (run !== undefined) return run;
  const [first, last] = [runs[0]?.run, runs.at(-1)?.run];
  const kept = first === undefined ? 'no run of it has ended' : `the journal has ${first} to ${last}`;
  throw new CommandFailed(
    `${service.label} has no run ${number ?? ''}`.trimEnd().concat(`: ${kept}`),
    EXIT.unknownName,
  );
}

/** The last lines of a run's output that are in the log, oldest first. */
export function outputOf({ stateDir, name }: Service, run: number, most: number): Buffer[] {
  const lines: Buffer[] = [];
  for (const line of linesFromEnd(join(stateDir, name, LOG_FILE))) {
    if (lines.length >= most || (line.run !== 0 && line.run < run)) break;
    if (line.run === run) lines.push(line.bytes);
  }
  return lines.reverse();
}

/** What a judge and a person say of it. */
function judgementRows({ verdict: judged, mark: word }: ListedRun, worth: string): [string, string | null][] {
  const verdict = verdictIn(judged);
  const mark = markIn(word);
  const reasons = verdict?.reasons ?? [];
  return [
    ['verdict', verdict === null ? null : verdictText({ ...verdict, reasons: [] }, worth)],
    ...reasons.map(({ why, quote }): [string, string] => ['', `${why} ("${quote}")`]),
    [
      'judge',
      verdict?.source == null ? null : `${verdict.source}${verdict.model === null ? '' : ` (${verdict.model})`}`,
    ],
    ['mark', mark === null ? null : `${mark.mark}${mark.why === null ? '' : `: ${mark.why}`}`],
  ];
}

function runText(run: ListedRun, output: readonly Buffer[], worth: string): string {
  const { likeness } = run;
  const rows: [string, string | null][] = [
    ['started', run.startedAt === null ? 'not known' : localStamp(run.startedAt)],
    ['ended', run.endedAt === null ? 'not known' : localStamp(run.endedAt)],
    ['end', endText(run)],
    ['why', run.why],
    ['category', run.category],
    ...run.unusual.map((reason): [string, string] => ['unusual', reason]),
    ['took', valueText(run.durationMs, durationText)],
    ['output', [valueText(run.bytes, sizeText), ...(run.lines === null ? [] : [`${run.lines} lines`])].join(', ')],
    ['first', run.firstOutputMs === null ? 'no output' : `output after ${durationText(run.firstOutputMs)}`],
    ['silence', valueText(run.longestSilenceMs, ms => `${durationText(ms)} at most`)],
    ['CPU', valueText(run.cpuMs, durationText)],
    ['memory', valueText(run.peakMemoryBytes, bytes => `${sizeText(bytes)} at most`)],
    ['metrics', Object.entries(run.metrics).map(metricText).join(', ')],
    ['likeness', likeness === null ? null : `${Math.round(100 * likeness)}% of the output is in an earlier run too`],
    ...judgementRows(run, worth),
    ['incident', run.incidentId === null ? null : `agent-watch incidents show ${run.incidentId}`],
  ];
  const shown = rows.filter((row): row is [string, string] => row[1] !== null && row[1] !== '');
  const lines = shown.map(([key, text]) => `  ${key.padEnd(10)} ${oneLine(text)}`);
  const log = output.map(line => `    ${terminalLine(line.toString('utf8'), false)}`);
  const last = output.length === 0 ? ['  its output is not in the log'] : ['  last lines', ...log];
  return [`${run.name}: run ${run.run}`, ...lines, ...(run.bytes === 0 ? [] : last)].join('\n');
}

const valueText = (value: number | null, text: (value: number) => string) =>
  value === null ? 'not known' : text(value);

/** As much of a journal's end as tells of the last runs and of those that they are held against. */
const RECENT_BYTES = 192 * 1024;
const MOST_RECENT = 100;

/** The unusual among the last runs of a service that ended since then (wall ms). */
export function unusualSince({ stateDir, name, label }: Service, since: number): UnusualRun[] {
  if (!mayBeUnusual(`${stateDir}/${name}`, since)) return [];
  const runs = readRunsQuickly(`${stateDir}/${name}`, RECENT_BYTES);
  const recent = runs.slice(-MOST_RECENT).filter(({ endedAt }) => Date.parse(String(endedAt)) >= since).length;
  const reasons = unusualOfLast(runs, recent);
  return runs.slice(runs.length - recent).flatMap(({ run, endedAt }, at) => {
    const found = reasons[at] ?? [];
    return found.length === 0 ? [] : [{ name: label, run: Number(run), at: String(endedAt), reasons: found }];
  });
}

/** How the last run of a service was not like the former ones, for `status`; empty if it was. */
export function lastUnusual({ stateDir, name }: Service): string {
  const runs = readRunsQuickly(`${stateDir}/${name}`, RECENT_BYTES);
  const [reasons = []] = unusualOfLast(runs, 1);
  return reasons.length === 0 ? '' : `run ${Number(runs.at(-1)?.run)}: ${reasons.join('; ')}`;
}

const WHY_CHARS = 500;

/** Keeps a person's word on a run. A later word on the same run takes the place of the earlier one. */
export function markCommand({ name, run: number, mark: word, why, json, ...selection }: MarkInvocation): number {
  const { services, code } = selectReadable({ ...selection, names: [name] });
  const [service] = services;
  if (service === undefined) return code;
  const run = runOf(service, number);
  const mark: Mark = {
    mark: word,
    why: why === null ? null : clipStart(plainLine(why), WHY_CHARS),
    at: new Date().toISOString(),
  };
  const journal = createRunJournal(service.stateDir, service.name);
  const kept = journal.amend(run.run, { mark: { ...mark } });
  journal.close();
  if (!kept) throw new CommandFailed(`the mark on run ${run.run} of ${name} could not be written`);
  if (json) print(`${JSON.stringify({ name, run: run.run, ...mark }, null, 2)}\n`);
  else print(`${name}: run ${run.run} is ${word}; ${worthOf(run.verdict, agreementOf(runsOf(service)))}\n`);
  return EXIT.ok;
}

/** What a mark does for the judge. */
function worthOf(value: Parameters<typeof verdictIn>[0], agreement: Agreement): string {
  const verdict = verdictIn(value);
  if (verdict === null || verdict.calibration === null)
    return 'no model judged this run, so the mark does not rate a judge';
  if (verdict.calibration !== agreement.calibration)
    return 'its verdict is of an earlier rubric or model, and no longer counts';
  const said =
    verdict.verdict === 'unsure' ? 'the judge is unsure, which does not count' : `the judge says ${verdict.verdict}`;
  return `${said}; ${calibrationText(agreement)}`;
}

/** How far the judge of a service and a person agree. */
export function agreementCommand({ name, json, ...selection }: AgreementInvocation): number {
  const { services, code } = selectReadable({ ...selection, names: [name] });
  const [service] = services;
  if (service === undefined) return code;
  const agreement = agreementOf(runsOf(service));
  print(json ? `${JSON.stringify({ name, ...agreement }, null, 2)}\n` : `${agreementText(name, agreement)}\n`);
  return EXIT.ok;
}

function agreementText(name: string, agreement: Agreement): string {
  const { calibration, source, model, marks, kappa, confusion, disagreements } = agreement;
  if (calibration === null) return `${name}: no model has judged a run yet`;
  const share = agreement.agreement;
  const judge = `${source ?? 'unknown'}${model === null ? '' : ` (${model})`}, rubric and prompt ${calibration}`;
  const rows: [string, string][] = [
    ['judge', judge],
    ['marks', `${marks} of ${agreement.marksNeeded}, on runs that this judge passed or failed`],
    ['agreement', share === null ? 'not known' : `${Math.round(100 * share)}% of them`],
    ['kappa', kappa === null ? 'not defined' : `${kappa.toFixed(2)} (${agreement.kappaNeeded} needed)`],
    ['acts', agreement.calibrated ? 'may act (--judge-acts)' : 'does not act'],
    ['disagree', disagreements.length === 0 ? 'on no run' : `on run ${disagreements.join(', ')}`],
  ];
  const table = alignedRows(
    [
      ['', 'PASS', 'FAIL', 'UNSURE'],
      ...(['good', 'bad'] as const).map(mark => [
        `marked ${mark}`,
        ...(['pass', 'fail', 'unsure'] as const).map(verdict => String(confusion[mark][verdict])),
      ]),
    ],
    null,
  );
  return [
    `${name}: ${calibrationText(agreement)}`,
    ...rows.map(([key, text]) => `  ${key.padEnd(10)} ${text}`),
    ...table.split('\n').map(line => `    ${line}`),
  ].join('\n');
}
