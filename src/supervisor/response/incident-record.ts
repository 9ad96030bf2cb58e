import { totalmem } from 'node:os';
import type { Autopsy } from '../../core/autopsy.ts';
import type { IncidentSeed } from '../../core/events.ts';
import { clipStart, lastWords, wholeEnd, wholeStart } from '../../core/text.ts';
import { sizeText } from '../../core/units.ts';
import { monoNow } from '../../host/clock.ts';
import { diskRoom, type KernelLog, openKernelLog, portHolder } from '../../host/kernel-log.ts';
import { memoryLimit, oomKills } from '../../host/resource-limits.ts';
import type { Explained } from '../../incidents/explain.ts';
import type { History } from '../../incidents/history.ts';
import type { Incident } from '../../incidents/incident.ts';
import { hangAdvice } from '../../incidents/measured-cause.ts';
import { actionWords } from '../../incidents/post-mortem.ts';
import { signalOf } from '../../incidents/triage/exit.ts';
import type { Fact } from '../../incidents/triage/recommend.ts';
import type { RunNotes } from './run-notes.ts';

/** An incident that was opened, with what was there at that moment only. */
export interface IncidentCase {
  id: string;
  seed: IncidentSeed;
  tail: Buffer;
  run: RunNotes | null;
}

/** What a record is made with. */
export interface RecordWorld {
  name: string;
  output: string;
  /** The last lines, cleaned as one text: a private key spans many. */
  tail: readonly string[];
  history: History;
  /** Takes secrets and control sequences out of a quotation. */
  clean(text: string): string;
}

const LINE_CHARS = 2000;
const TAIL_CHARS = 256 * 1024;
const KEY_LINE_CHARS = 1000;
const SENTENCE_CHARS = 600;
/** So much of the end is cleaned for them, and at least so much to learn what is secret in it. */
const CLEANED_CHARS = 512 * 1024;
const CLEANED_LINE_CHARS = 64 * 1024;
const LEARNED_CHARS = 64 * 1024;
/** A private key may begin above the first line. */
const LINES_ABOVE = 100;

/** The incident as it lies on disk. */
export function recordOf({ id, seed, run }: IncidentCase, found: Explained, world: RecordWorld): Incident {
  const { history, clean } = world;
  const { count, windowDays, firstAt, lastAt } = history;
  const line = (text: string, most: number) =>
    clipStart(
      clean(text)
        .replace(/[\r\n]+/g, ' ')
        .trim(),
      most,
    );
  const sentence = (text: string) => line(text, SENTENCE_CHARS);
  const autopsy = autopsyOf(seed, run, world.output);
  const keyLine = found.keyLine === null ? '' : line(found.keyLine, KEY_LINE_CHARS);
  return {
    id,
    name: world.name,
    at: iso(seed.at.wall),
    kind: seed.kind,
    reasons: reasonsOf(seed).map(({ name, detail }) => ({ name: sentence(name), detail: sentence(detail) })),
    exit: { code: seed.exit.code, signal: seed.exit.signal },
    uptimeMs: Math.round(seed.uptimeMs),
    category: found.category,
    confidence: found.confidence,
    evidence: withAutopsy(found.evidence, autopsy).map(sentence),
    keyLine: keyLine === '' ? null : keyLine,
    fingerprint: found.fingerprint,
    priorMatches: { count, windowDays, firstAt, lastAt },
    repeats: 0,
    autopsy: autopsy === null ? null : cleanAutopsy(autopsy, sentence),
    tail: [...world.tail],
    memory: seed.memory.map(({ at, bytes }) => ({ at: iso(at), bytes: Math.round(bytes) })),
    action: sentence(actionWords(seed, world.name)),
    remedy: null,
    recoveredAt: null,
    recoveryProof: null,
    diagnosis: null,
    recommendation: sentence(hangAdvice(found.recommendation, autopsy?.sentence)),
  };
}

/** Of a run that a probe stopped; with the text that its last redraw showed, where that is all that it did. */
function autopsyOf({ cause }: IncidentSeed, run: RunNotes | null, output: string): Autopsy | null {
  const autopsy = cause === 'probe' ? (run?.autopsy ?? null) : null;
  if (autopsy === null || output === '' || output.endsWith('\n')) return autopsy;
  const drawn = lastWords(wholeEnd(output, CLEANED_CHARS));
  return drawn === '' ? autopsy : { ...autopsy, sentence: `${autopsy.sentence}; its last line: "${drawn}"` };
}

/** What was measured stays first. */
function withAutopsy([first, ...rest]: readonly string[], autopsy: Autopsy | null): string[] {
  return [first, autopsy?.sentence, ...rest].filter(text => text !== undefined);
}

/** Commands and paths may hold secrets. */
function cleanAutopsy(autopsy: Autopsy, sentence: (text: string) => string): Autopsy {
  const processes = autopsy.processes.map(process => ({
    ...process,
    command: sentence(process.command),
    waits: process.waits.map(wait => ({ ...wait, on: wait.on === null ? null : sentence(wait.on) })),
    files: process.files.map(sentence),
  }));
  return { ...autopsy, sentence: sentence(autopsy.sentence), processes };
}

function iso(wall: number): string {
  return new Date(wall).toISOString();
}

/** The probes that ended it, or the limit, which has no probe. */
function reasonsOf({ reasons, cause, why }: IncidentSeed): readonly { name: string; detail: string }[] {
  if (reasons.length > 0 || why === null) return reasons;
  if (cause === 'kill-condition') return [{ name: 'kill-when', detail: why }];
  return cause === 'limit' ? [{ name: 'max-runtime', detail: why }] : [];
}

/** The end of the output from which its last `most` lines are taken once it was cleaned: some more of it, and no part of a word that was cut. */
export function endToClean(output: string, most: number): string {
  const text = output.endsWith('\n') ? output.slice(0, -1) : output;
  const from = Math.min(startOfLines(text, most + LINES_ABOVE), startOfLine(text, text.length - LEARNED_CHARS));
  const lines = text.slice(from).split('\n');
  return wholeEnd(lines.map(line => wholeStart(line, CLEANED_LINE_CHARS)).join('\n'), CLEANED_CHARS);
}

/** The last lines of what was cleaned, the unfinished one included. */
export function tailLines(cleaned: string, most: number): string[] {
  if (most === 0 || cleaned === '') return [];
  const kept: string[] = [];
  let left = TAIL_CHARS;
  for (const text of cleaned.split('\n').slice(-most).reverse()) {
    const shown = clipStart(text.replaceAll('\r', ' '), LINE_CHARS);
    left -= shown.length;
    if (left < 0) break;
    kept.push(shown);
  }
  return kept.reverse();
}

/** Where the last lines begin, looked for from the end on: the output may be megabytes. */
function startOfLines(text: string, most: number): number {
  let start = text.length;
  for (let count = 0; count < most && start > 0; count++) start = text.lastIndexOf('\n', start - 1);
  return Math.max(0, start + 1);
}

function startOfLine(text: string, at: number): number {
  return at <= 0 ? 0 : text.lastIndexOf('\n', at - 1) + 1;
}

/** What was measured about an end: facts that decide, and sentences beside them. */
export interface Measured {
  facts: Fact[];
  notes: string[];
}

/** Measures what can be measured of a run that is over. */
export interface EvidenceCollector {
  measure(seed: IncidentSeed, run: RunNotes | null, output: string): Promise<Measured>;
  holder(port: number, except: readonly number[]): Promise<Fact | null>;
}

/** A share of the limit from which memory is suspected. */
const NEAR_LIMIT = 0.8;
/** With this little left nothing of use can be written. */
const NO_ROOM_BYTES = 1024 * 1024;
const LOW_SHARE = 0.02;
const FULL_WORDS = /no space left|ENOSPC|disk (?:is )?full|quota exceeded|EDQUOT|Errno 28|Errno 122/i;
/** The kernel log's clock and ours may drift apart. */
const CLOCK_SLOP_MS = 5000;
const DISK_EVERY_MS = 1000;
/** Nearly all descriptors in use. */
const NEAR_FILES = 0.9;

export function createEvidenceCollector(paths: readonly string[]): EvidenceCollector {
  let kernelLog: KernelLog | null | undefined;
  let diskAtMs = Number.NEGATIVE_INFINITY;
  let disk: Measured = { facts: [], notes: [] };

  async function kernelSays(seed: IncidentSeed, run: RunNotes): Promise<Fact[]> {
    kernelLog ??= openKernelLog();
    const victims = (await kernelLog?.victims()) ?? [];
    const ofRun = victims.findLast(({ pid, cgroup, atMs }) => {
      if (atMs < run.startedAtMs - CLOCK_SLOP_MS || atMs > seed.at.mono + CLOCK_SLOP_MS) return false;
      const sameGroup = cgroup !== null && cgroup !== '/' && run.cgroup !== null && cgroup === run.cgroup.name;
      return pid === run.pid || sameGroup;
    });
    return ofRun === undefined ? [] : [{ kind: 'oom-kill-logged', line: ofRun.line.slice(0, 300) }];
  }

  async function memory(seed: IncidentSeed, run: RunNotes): Promise<Measured> {
    const now = run.cgroup === null ? null : oomKills(run.cgroup);
    const before = run.oomKillsBefore;
    const killed = signalOf(seed.exit) === 'SIGKILL';
    const facts: Fact[] = [];
    const notes: string[] = [];
    const grown = before !== null && now !== null && now > before;
    if (grown) facts.push({ kind: 'oom-kill-counter', before, after: now });
    if (killed || grown) facts.push(...(await kernelSays(seed, run)));
    if (!killed || facts.length > 0) return { facts, notes };
    if (before !== null && now !== null) notes.push("the cgroup's oom_kill counter did not grow during this run");
    const last = seed.memory.at(-1);
    const limit = (run.cgroup === null ? null : memoryLimit(run.cgroup)) ?? totalmem();
    // A counter that can be read and did not grow acquits the kernel.
    if (now === null && last !== undefined && last.bytes >= limit * NEAR_LIMIT)
      facts.push({ kind: 'memory-near-limit', bytes: last.bytes, limitBytes: limit });
    return { facts, notes };
  }

  async function diskState(output: string): Promise<Measured> {
    const now = monoNow();
    if (now - diskAtMs >= DISK_EVERY_MS) {
      diskAtMs = now;
      disk = { facts: [], notes: [] };
      for (const { path, freeBytes, totalBytes, freeInodes } of await diskRoom(paths)) {
        if (totalBytes > 0 && freeBytes < NO_ROOM_BYTES) disk.facts.push({ kind: 'disk-full', path, freeBytes });
        else if (freeInodes === 0) disk.facts.push({ kind: 'disk-full', path, freeBytes, inodes: true });
        else if (freeBytes < totalBytes * LOW_SHARE) disk.notes.push(`only ${sizeText(freeBytes)} free on ${path}`);
        else if (FULL_WORDS.test(output)) disk.notes.push(`${sizeText(freeBytes)} free on ${path}`);
      }
    }
    return disk;
  }

  return {
    async measure(seed, run, output) {
      const facts: Fact[] = [];
      const notes: string[] = [];
      const add = (found: Measured) => {
        facts.push(...found.facts);
        notes.push(...found.notes);
      };
      const lived = seed.kind !== 'start-failed' && seed.kind !== 'orphan';
      if (lived && run !== null) {
        add(await memory(seed, run));
        add(filesOf(run));
      }
      add(await diskState(output));
      return { facts, notes };
    },
    async holder(port, except) {
      const found = await portHolder(port, new Set(except));
      return found === null ? null : { kind: 'port-holder', port, ...found };
    },
  };
}

function filesOf({ files }: RunNotes): Measured {
  if (files === null || files.open < files.limit * NEAR_FILES) return { facts: [], notes: [] };
  return { facts: [{ kind: 'open-files', ...files }], notes: [] };
}
