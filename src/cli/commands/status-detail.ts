import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { linesFromEnd } from '../../child/log-lines.ts';
import { agreementOf, calibrationText, verdictIn, verdictText } from '../../core/judgement.ts';
import { readSnapshot, type Snapshot } from '../../core/snapshot.ts';
import type { Status } from '../../core/status.ts';
import { clipStart, shellWord, stripControl, wholeStart } from '../../core/text.ts';
import { durationText, exitText, sizeText } from '../../core/units.ts';
import { type CpuSample, readAutopsy, sampleCpu } from '../../host/autopsy.ts';
import { environmentOf, type TreeUsage, treeUsage } from '../../host/process-facts.ts';
import { INCIDENTS_FOLDER, type Incident } from '../../incidents/incident.ts';
import { readAll } from '../../incidents/store.ts';
import { readRuns } from '../../state/line-log.ts';
import { readDiagnosisFault, readService } from '../../state/read-status.ts';
import { LOG_FILE } from '../../state/state-folder.ts';
import { readKeptSettings } from '../fleet/kept-settings.ts';
import { sparkline, whatText } from '../render/tables.ts';
import { localStamp, terminalLine } from '../render/terminal.ts';
import { lastUnusual } from './runs.ts';
import type { StatusRow } from './status.ts';

/** How long the processor use is measured. */
const SAMPLE_MS = 200;
const LAST_LINES = 5;
const CLEANED_LINES = 40;
const LINE_CHARS = 16 * 1024;
const SHOWN_CHARS = 400;
const GRAPH_COLUMNS = 40;
const MOST_PROBES = 30;

/** All about some services: a block of lines each. */
export async function detailText(rows: readonly StatusRow[]): Promise<string> {
  const before = rows.map(({ status }) => usageOf(status));
  const cpu = rows.map(({ status }) => (isFailing(status) ? sampleCpu(status.childPid ?? 0) : null));
  if (before.some(usage => usage !== null)) await pause(SAMPLE_MS);
  const cleanerFor = await loadCleaner();
  const blocks = rows.map((row, index) => {
    const clean = cleanerFor(row.status);
    return blockOf(row, before[index] ?? null, {
      doing: doingText(cpu[index] ?? null, before[index] ?? null, clean),
      clean,
    });
  });
  return blocks.join('\n\n');
}

type Clean = (text: string) => string;

/** What takes secrets out of a text: those of the environments of command and watcher as long as they are up, and what looks like one. */
export type CleanerFor = (status: Pick<Status, 'childPid' | 'watcherPid'>) => Clean;

/** Loads what finds secrets. */
export async function loadCleaner(): Promise<CleanerFor> {
  const [{ redact }, { secretsOf }] = await Promise.all([
    import('../../incidents/redaction/redact.ts'),
    import('../../incidents/redaction/exact-secrets.ts'),
  ]);
  return ({ childPid, watcherPid }) => {
    const secrets = secretsOf({ ...process.env, ...environmentOf(watcherPid ?? 0), ...environmentOf(childPid ?? 0) });
    return text => redact(text, secrets);
  };
}

const isFailing = ({ health }: Status) => health.some(({ ok }) => ok === false);

/** What the processes of a service with a failing probe wait for at this moment. */
function doingText(sample: CpuSample | null, usage: TreeUsage | null, clean: Clean): string {
  const autopsy = sample === null || usage === null ? null : readAutopsy(usage.pids, sample);
  // A file that it waits for may bear a secret in its name.
  return autopsy === null ? '' : clean(autopsy.sentence);
}

const usageOf = ({ childPid, watcherPid }: Status) =>
  childPid === null || watcherPid === null ? null : treeUsage(childPid);

function blockOf(row: StatusRow, before: TreeUsage | null, { doing, clean }: { doing: string; clean: Clean }): string {
  const { service, status } = row;
  const { stateDir, name, label } = service;
  const now = Date.now();
  const { state } = readService<Snapshot>(stateDir, name, readSnapshot, () => true);
  const incidents = readAll(join(stateDir, name, INCIDENTS_FOLDER)).incidents;
  const kept = readKeptSettings(stateDir, name);
  const why = whatText({ ...status, lastExit: null, health: [] }, now);
  const last = incidents.at(-1);
  const rows: [string, string][] = [
    ['', why],
    ['command', status.command.map(shellWord).join(' ')],
    ['cwd', state?.cwd ?? ''],
    ['config', kept?.config?.path ?? ''],
    ['processes', processText(status, before)],
    [
      'since',
      status.startedAt === null ? '' : `${localStamp(status.startedAt)} (${durationText(status.uptimeMs ?? 0)})`,
    ],
    ...usageRows(row, before),
    ...status.health.slice(0, MOST_PROBES).map(probeRow),
    ['doing', doing],
    ['restarts', restartText(status, incidents)],
    ['unusual', lastUnusual(service)],
    ['last exit', status.lastExit === null ? '' : lastExitText(status.lastExit, now)],
    ['verdict', lastVerdict(join(stateDir, name))],
    ...incidentRows(last, now, status.holdReason),
    ['diagnosis', diagnosisText(row)],
    ['next', nextText(status, now)],
  ];
  const lines = rows
    .filter(([, text]) => text !== '')
    .map(([key, text]) => `  ${key.padEnd(10)} ${stripControl(text).replace(/\s+/g, ' ')}`);
  return [
    `${label}: ${status.phase}`,
    ...lines,
    ...lastLines(endOf(status, last) ?? logLines(join(stateDir, name, LOG_FILE), clean)),
  ].join('\n');
}

function processText({ childPid, watcherPid, phase }: Status, usage: TreeUsage | null): string {
  if (watcherPid === null) return childPid === null ? 'none' : `unsupervised: the watcher died (command ${childPid})`;
  const more = usage === null || usage.pids.length < 2 ? '' : `, ${usage.pids.length} in the tree`;
  return `${childPid === null ? `no command (${phase})` : `command ${childPid}${more}`}, watcher ${watcherPid}`;
}

function usageRows({ status, memory }: StatusRow, before: TreeUsage | null): [string, string][] {
  const after = usageOf(status);
  if (before === null || after === null) return [];
  const now = Math.max(0, (100 * (after.cpuMs - before.cpuMs)) / SAMPLE_MS);
  const mean = (100 * after.cpuMs) / Math.max(1, status.uptimeMs ?? 1);
  const peak = Math.max(after.bytes, ...memory);
  const graph = memory.length < 2 ? '' : `  ${sparkline([...memory, after.bytes], GRAPH_COLUMNS)}`;
  return [
    ['CPU', `${now.toFixed(0)}% now, ${mean.toFixed(1)}% over the run`],
    ['memory', `${sizeText(after.bytes)} now, ${sizeText(peak)} at most${graph}`],
  ];
}

function probeRow({ name, ok, severity, detail }: Status['health'][number]): [string, string] {
  const state = ok === null ? 'pending' : ok ? 'passing' : 'FAILING';
  return [
    'probe',
    `${name} ${state}${severity === 'optional' ? ' (optional)' : ''}${detail === '' ? '' : `: ${detail}`}`,
  ];
}

/** How many there were, and of the incidents that are kept how many of which cause. */
function restartText({ restarts }: Status, incidents: readonly Incident[]): string {
  const counts = new Map<string, number>();
  for (const { category, repeats } of incidents) counts.set(category, (counts.get(category) ?? 0) + 1 + repeats);
  const causes = [...counts].sort((one, other) => other[1] - one[1]).map(([category, count]) => `${category} ${count}`);
  return causes.length === 0 ? String(restarts) : `${restarts} (incidents: ${causes.join(', ')})`;
}

function lastExitText(exit: NonNullable<Status['lastExit']>, now: number): string {
  return `${exitText(exit)} (${exit.cause}) ${durationText(Math.max(0, now - Date.parse(exit.at)))} ago`;
}

/** What the judge says of the last run that it has judged, and what that is worth. */
function lastVerdict(folder: string): string {
  const runs = readRuns(folder);
  const run = runs.findLast(one => one.verdict !== null);
  const verdict = verdictIn(run?.verdict ?? null);
  if (run === undefined || verdict === null) return '';
  return `run ${run.run}: ${verdictText(verdict, calibrationText(agreementOf(runs)))}`;
}

function incidentRows(last: Incident | undefined, now: number, holdReason: string | null): [string, string][] {
  if (last === undefined) return [];
  const over = last.recoveredAt === null ? '' : ', recovered';
  const line = last.keyLine ?? last.evidence[0] ?? '';
  const hungOn = last.recoveredAt === null ? (last.autopsy?.sentence ?? '') : '';
  return [
    ['incident', `${last.id}: ${last.category} ${durationText(Math.max(0, now - Date.parse(last.at)))} ago${over}`],
    ['', holdReason !== null && line.includes(holdReason) ? '' : line],
    ['', hungOn],
    ['', last.recoveredAt === null ? last.recommendation : ''],
  ];
}

/** Why the model gives no answer. */
function diagnosisText({ service, status }: StatusRow): string {
  if (status.watcherPid === null) return '';
  const fault = readDiagnosisFault(service.stateDir, service.name, status.watcherPid);
  return fault === null ? '' : `no diagnosis: ${fault}`;
}

function nextText({ name, phase, nextStartAt, limit }: Status, now: number): string {
  if (phase === 'held') return `agent-watch reset ${name} clears the hold and starts it`;
  if (phase === 'lost' || phase === 'stopped' || phase === 'finished') return `agent-watch start ${name} starts it`;
  if (nextStartAt === null) return '';
  const wait = durationText(Math.max(0, Date.parse(nextStartAt) - now));
  const sooner = phase === 'cooldown' || phase === 'limited' ? `; agent-watch reset ${name} starts it now` : '';
  return `starts in ${wait}, ${localStamp(nextStartAt)}${limit === null ? '' : ' (after the limit)'}${sooner}`;
}

/** The last words of a run that is over, as its incident has them: the watcher knew all of its secrets. */
function endOf({ childPid, lastExit }: Status, last: Incident | undefined): readonly string[] | null {
  if (childPid !== null || lastExit === null || last === undefined) return null;
  return Date.parse(last.at) >= Date.parse(lastExit.at) && last.tail.length > 0 ? last.tail : null;
}

/** Cleaned with some lines above them: a value may stand under its name. */
function logLines(path: string, clean: Clean): readonly string[] {
  const raw: string[] = [];
  for (const { bytes } of linesFromEnd(path)) {
    if (raw.length >= CLEANED_LINES) break;
    raw.unshift(wholeStart(stripControl(bytes.toString('utf8')), LINE_CHARS));
  }
  return raw.length === 0 ? [] : clean(raw.join('\n')).split('\n');
}

function lastLines(lines: readonly string[]): string[] {
  const shown = lines.slice(-LAST_LINES).map(line => `    ${terminalLine(clipStart(line, SHOWN_CHARS), false)}`);
  return shown.length === 0 ? [] : ['  last lines', ...shown];
}
