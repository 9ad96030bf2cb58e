import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type Autopsy, processWords } from '../../core/autopsy.ts';
import { EXIT } from '../../core/signals.ts';
import { limitWords } from '../../core/status.ts';
import { clipStart, stripControl, wholeEnd } from '../../core/text.ts';
import { type Diagnosed, type DiagnosisSettings, obstacleTo, type Undiagnosed } from '../../diagnosis/diagnose.ts';
import type { Case } from '../../diagnosis/prompt.ts';
import { readAutopsy, sampleCpu } from '../../host/autopsy.ts';
import { localTime, stampNow } from '../../host/clock.ts';
import { type ProcessRow, readTable } from '../../host/process-table.ts';
import { readText } from '../../host/read-file.ts';
import { fingerprint } from '../../incidents/explain.ts';
import { INCIDENTS_FOLDER, type Incident } from '../../incidents/incident.ts';
import { judgeEnd, localZone, type NextStep, nextStep } from '../../incidents/outcome/read-outcome.ts';
import { idsIn, readOne } from '../../incidents/store.ts';
import { replaceFile } from '../../state/atomic-file.ts';
import { readHold } from '../../state/hold-file.ts';
import { configuredSecrets, createRedactor, type Redactor } from '../../supervisor/response/redactor.ts';
import type { DiagnoseTarget, Invocation } from '../arguments/invocation.ts';
import { consultation } from '../arguments/watch-orders.ts';
import { ownEnvironment } from '../environment.ts';
import { print } from '../render/terminal.ts';
import { CommandFailed } from '../usage-error.ts';
import { readLogFile, readStandardInput } from './logs.ts';
import { readStatus, requireKnown } from './status.ts';

/** CPU use is measured over this time. */
const MEASURE_MS = 1000;

/** Says what the processes of a running service do at this moment. Changes nothing. */
export async function diagnoseLive(
  { stateDir, name, json }: { stateDir: string; name: string; json: boolean },
  clean: (text: string) => string,
): Promise<number> {
  requireKnown(stateDir, name);
  const status = readStatus(stateDir, name);
  const pid = status?.childPid ?? null;
  if (pid === null)
    throw new CommandFailed(
      `${name} is not running (${status?.phase ?? 'unknown'}); --live reads the processes of a run`,
    );
  const before = sampleCpu(pid);
  await pause(MEASURE_MS);
  const autopsy = readAutopsy(membersOf(pid, readTable(null)), before);
  if (autopsy === null)
    throw new CommandFailed(`the processes of ${name} cannot be read: pid ${pid} is gone or not yours`);
  const shown = json ? JSON.stringify(autopsy, null, 2) : liveText(autopsy);
  print(`${shown.split('\n').map(clean).join('\n')}\n`);
  return 0;
}

/** The process, its group and session, and all descendants. */
function membersOf(pid: number, table: readonly ProcessRow[]): number[] {
  const members = new Set([pid]);
  for (let size = 0; size !== members.size; ) {
    size = members.size;
    for (const row of table)
      if (members.has(row.parent) || row.group === pid || row.session === pid) members.add(row.pid);
  }
  return [...members];
}

function liveText({ sentence, processes }: Autopsy): string {
  return [sentence, '', ...processes.map(process => `  ${processWords(process)}`)].join('\n');
}

/** An explanation for people: what was measured and what the rules make of it, then what a model guesses. */
export function diagnosisText(explained: Explanation): string {
  const { id, at, category, confidence, keyLine, evidence, recommendation, fingerprint, diagnosis, next } = explained;
  const lines = [
    ...(id === null ? [] : [`${id}, ${at}`]),
    `${category} (confidence ${confidence})`,
    ...(keyLine === null ? [] : ['', 'Key line', `  ${keyLine}`]),
    ...(evidence.length === 0 ? [] : ['', 'Evidence', ...evidence.map(sentence => `  - ${sentence}`)]),
    '',
    'Check first',
    `  ${recommendation}`,
    '',
    'Next step',
    `  ${next.action}${next.until === null ? '' : `, until ${localTime(Date.parse(next.until))}`}: ${next.why}`,
  ];
  if (diagnosis !== null) {
    const by = diagnosis.model === null ? diagnosis.source : `${diagnosis.source}, ${diagnosis.model}`;
    const cost = diagnosis.costUsd === null || diagnosis.costUsd === 0 ? '' : `, $${diagnosis.costUsd.toFixed(4)}`;
    lines.push(
      '',
      `A model's guess, not measured (${by}${cost})`,
      ...diagnosis.text.split('\n').map(one => `  ${one}`),
    );
  }
  return `${[...lines, '', `fingerprint ${fingerprint}`].join('\n')}\n`;
}

type DiagnoseInvocation = Extract<Invocation, { kind: 'diagnose' }>;

/** What `diagnose --json` prints. Of a log that belongs to no incident, `id`, `name` and `at` are null. */
export interface Explanation extends Omit<Case, 'name' | 'command' | 'priorOutcomes'> {
  readonly id: string | null;
  readonly name: string | null;
  readonly at: string | null;
  readonly recommendation: string;
  /** What follows such an end with the default settings. */
  readonly next: NextStep;
  /** A model's guess, null without one. */
  readonly diagnosis: Diagnosed | null;
  /** Why there is no guess, where one was asked for. */
  readonly diagnosisFailure: string | null;
}

/** So much of a log is shown to a model, which takes less. */
const TAIL_LINES = 200;
/** Cleaning a text costs time by its length. */
const TAIL_CHARS = 1 << 19;
const KEY_LINE_CHARS = 1000;
const SENTENCE_CHARS = 600;
const BUDGET_BYTES = 1 << 20;

/** Explains the last incident of a name, or any log: by the rules, and by a model if one is named. */
export async function diagnoseCommand(invocation: DiagnoseInvocation): Promise<number> {
  const settings = await consultation(invocation.diagnosis, ownEnvironment());
  const redactor = createRedactor({}, configuredSecrets({ alerts: null, diagnosis: settings }));
  const { clean } = redactor;
  const { target, stateDir, json } = invocation;
  if (target.kind === 'live') return diagnoseLive({ stateDir, name: target.name, json }, clean);
  const explained = explanationOf(invocation, target, redactor);
  const answer = settings === null ? null : await ask(settings, explained, invocation, clean);
  const whole = answer === null ? explained : withAnswer(explained, answer);
  print(invocation.json ? `${JSON.stringify(whole, null, 2)}\n` : diagnosisText(whole));
  if (whole.diagnosisFailure !== null) process.stderr.write(`agent-watch: no diagnosis: ${whole.diagnosisFailure}\n`);
  return 0;
}

function withAnswer(explained: Explanation, answer: Diagnosed | Undiagnosed): Explanation {
  return 'failed' in answer ? { ...explained, diagnosisFailure: answer.failed } : { ...explained, diagnosis: answer };
}

function explanationOf(
  invocation: DiagnoseInvocation,
  target: Exclude<DiagnoseTarget, { kind: 'live' }>,
  redactor: Redactor,
): Explanation {
  if (target.kind === 'name') return ofIncident(invocation.stateDir, target.name);
  if (target.kind === 'file') {
    const { text, modifiedAt } = readLogFile(target.path);
    return ofLog(text, modifiedAt ?? stampNow().wall, invocation, redactor);
  }
  return ofLog(readStandardInput(), stampNow().wall, invocation, redactor);
}

/** As it was explained when it happened, and kept. */
function ofIncident(stateDir: string, name: string): Explanation {
  requireKnown(stateDir, name);
  const folder = join(stateDir, name, INCIDENTS_FOLDER);
  const id = idsIn(folder).at(-1);
  const found = id === undefined ? null : readOne(folder, id);
  if (found === null)
    throw new CommandFailed(`there is no incident of ${name}; --file LOG explains any log`, EXIT.unknownName);
  if ('fault' in found) throw new CommandFailed(`the last incident of ${name} cannot be read: ${found.fault}`);
  return { ...found.incident, next: nextOf(found.incident, stateDir, name), diagnosisFailure: null };
}

/** As its last lines say, which are kept with it; a hold and a limit that it waits for win. */
function nextOf({ kind, exit, tail, at }: Incident, stateDir: string, name: string): NextStep {
  const hold = readHold({ at: file => join(stateDir, name, file) });
  if (hold !== null) return { action: 'hold', until: null, why: `Held: ${hold.why}.` };
  const limit = readStatus(stateDir, name)?.limit ?? null;
  if (limit !== null) {
    const end = limit.until === null ? 'its end is not known, so it is tried now and then' : 'its end is known';
    return { action: 'wait', until: limit.until, why: `It waits (${limitWords(limit.cause)}): ${end}.` };
  }
  if (kind !== 'crash' && kind !== 'exit' && kind !== 'limited')
    return { action: 'restart', until: null, why: 'As after any crash.' };
  const now = Date.parse(at);
  return nextStep(judgeEnd({ exit, output: `${tail.join('\n')}\n` }, { now, zone: localZone() }), exit, now);
}

function ofLog(
  output: string,
  now: number,
  { exitCode, exitSignal }: DiagnoseInvocation,
  redactor: Redactor,
): Explanation {
  const exit = { code: exitCode, signal: exitSignal };
  const verdict = judgeEnd({ exit, output }, { now, zone: localZone() });
  const quoted = redactor.read(wholeEnd(output, TAIL_CHARS));
  return {
    id: null,
    name: null,
    at: null,
    kind: 'crash',
    reasons: [],
    exit,
    uptimeMs: null,
    category: verdict.category,
    confidence: verdict.confidence,
    evidence: verdict.evidence.map(sentence => clipStart(quoted.clean(sentence), SENTENCE_CHARS)),
    keyLine: verdict.keyLine === null ? null : clipStart(quoted.clean(verdict.keyLine), KEY_LINE_CHARS),
    fingerprint: fingerprint({ kind: 'crash', exit, triage: verdict }),
    priorMatches: { count: 0, windowDays: 90, firstAt: null, lastAt: null },
    memory: [],
    tail: tailOf(quoted.shown),
    recommendation: quoted.clean(verdict.recommendation),
    next: nextStep(verdict, exit, now),
    diagnosis: null,
    diagnosisFailure: null,
  };
}

function tailOf(text: string): string[] {
  const lines = stripControl(text).split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  return lines.slice(-TAIL_LINES);
}

async function ask(
  settings: DiagnosisSettings,
  explained: Explanation,
  { stateDir, target }: DiagnoseInvocation,
  clean: (text: string) => string,
): Promise<Diagnosed | Undiagnosed> {
  const obstacle = obstacleTo(settings);
  if (obstacle !== null) return { failed: obstacle, news: true };
  const { createDiagnosis } = await import('../../diagnosis/diagnose.ts');
  // What is asked by hand is paid from the budget of the name, or from one for all logs of nobody.
  const file = join(stateDir, ...(target.kind === 'name' ? [target.name] : []), 'diagnosis.json');
  const diagnosis = createDiagnosis(settings, {
    wallMs: () => stampNow().wall,
    monoMs: () => stampNow().mono,
    token: () => randomBytes(16).toString('hex'),
    clean,
    store: { read: () => readText(file, BUDGET_BYTES), write: text => replaceFile(file, text) },
    wait: delayMs => new Promise(resolve => setTimeout(resolve, delayMs)),
  });
  const name = explained.name ?? 'a program';
  return diagnosis.ask({ ...explained, name }, true);
}
