import type { IncidentSeed } from '../core/events.ts';
import { clipStart } from '../core/text/escape.ts';
import type { Explained } from '../incidents/explain.ts';
import type { History } from '../incidents/history.ts';
import type { Incident } from '../incidents/incident.ts';
import { actionWords } from '../incidents/post-mortem.ts';
import type { RunNotes } from './run-watch.ts';

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
  tailLines: number;
  history: History;
  /** Takes secrets and control sequences out of a text. */
  clean(text: string): string;
}

const LINE_CHARS = 2000;
const TAIL_CHARS = 256 * 1024;
const KEY_LINE_CHARS = 1000;
const SENTENCE_CHARS = 600;
/** So much of a line is looked at, lest half a secret be kept of one that was cut. */
const LOOKED_AT_CHARS = 3 * LINE_CHARS;
const LINES_ABOVE = 100;

/** The incident as it lies on disk. */
export function recordOf({ id, seed }: IncidentCase, found: Explained, world: RecordWorld): Incident {
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
    evidence: found.evidence.map(sentence),
    keyLine: keyLine === '' ? null : keyLine,
    fingerprint: found.fingerprint,
    priorMatches: { count, windowDays, firstAt, lastAt },
    repeats: 0,
    tail: tailLines(world),
    memory: seed.memory.map(({ at, bytes }) => ({ at: iso(at), bytes: Math.round(bytes) })),
    action: sentence(actionWords(seed)),
    remedy: null,
    recoveredAt: null,
    recoveryProof: null,
    diagnosis: null,
    recommendation: sentence(found.recommendation),
  };
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

/** The last lines, the unfinished one included. Cleaned as a whole: a private key spans many, and may begin above the first. */
function tailLines({ output, tailLines: most, clean }: RecordWorld): string[] {
  if (most === 0) return [];
  const raw = lastLines(output, most + LINES_ABOVE);
  if (raw.length === 0) return [];
  const lines = clean(raw.map(text => text.slice(0, LOOKED_AT_CHARS)).join('\n')).split('\n');
  const isCut = raw.some(text => text.length > LOOKED_AT_CHARS);
  const kept: string[] = [];
  let left = TAIL_CHARS;
  for (const text of lines.slice(-most).reverse()) {
    // Where a line was cut before it was cleaned, half a secret may stand at its end.
    const whole = isCut && text.length > LINE_CHARS / 2 && text.length <= LINE_CHARS ? text.replace(/\S*$/, '') : text;
    const shown = clipStart(whole.replaceAll('\r', ' '), LINE_CHARS);
    left -= shown.length;
    if (left < 0) break;
    kept.push(shown);
  }
  return kept.reverse();
}

/** The output may be megabytes: it is cut from its end on. */
function lastLines(output: string, most: number): string[] {
  const text = output.endsWith('\n') ? output.slice(0, -1) : output;
  if (text === '') return [];
  let start = text.length;
  for (let count = 0; count < most && start > 0; count++) start = text.lastIndexOf('\n', start - 1);
  return text.slice(Math.max(0, start + 1)).split('\n');
}
