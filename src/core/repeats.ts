/** Finds a program that prints the same few lines again and again: an agent in a loop. Pure; times in ms. */
import { fnv1a, stripSequences } from './text.ts';

/** The lines of the last window, by their shapes. Its size does not depend on how much is printed. */
export interface RepeatCounter {
  /** `weight`: for how many lines it stands. */
  add(at: number, line: string, weight: number): void;
  /** What is in the window that ends now. */
  look(now: number): Repeats;
}

export interface Repeats {
  lines: number;
  /** The share of the lines that have one of the most frequent shapes, and how many shapes these are. */
  share: number;
  shapes: number;
  /** The last line of the most frequent shape; null without lines. */
  example: string | null;
}

/** At most this many shapes make up a loop. */
const LOOP_SHAPES = 3;
const LOOP_SHARE = 0.8;
/** The window is kept in this many parts: a line leaves it up to one part late. */
const PARTS = 60;
/** Of each part this many shapes are kept apart; a program that prints more is in no loop. */
const SHAPES_A_PART = 40;
const OTHER = 'other';
const EXAMPLE_CHARS = 200;
const LINE_CHARS = 4096;
const TEXT_CHARS = 1000;

/** Whether these are at least this many lines, most of them alike. */
export function isLoop({ lines, share }: Repeats, atLeast: number): boolean {
  return lines >= atLeast && share >= LOOP_SHARE;
}

interface Part {
  at: number;
  counts: Map<string, number>;
}

export function createRepeatCounter(windowMs: number): RepeatCounter {
  const partMs = Math.max(1, windowMs / PARTS);
  const examples = new Map<string, string>();
  let parts: Part[] = [];

  function forget(now: number): void {
    parts = parts.filter(part => now - part.at < windowMs);
    if (examples.size <= 4 * SHAPES_A_PART) return;
    const known = new Set(parts.flatMap(part => [...part.counts.keys()]));
    for (const shape of examples.keys()) if (!known.has(shape)) examples.delete(shape);
  }

  return {
    add(at, line, weight) {
      forget(at);
      let part = parts.at(-1);
      if (part === undefined || at - part.at >= partMs) {
        part = { at, counts: new Map() };
        parts.push(part);
      }
      const shape = shapeOf(line.slice(0, LINE_CHARS));
      if (shape === '') return;
      const kept = part.counts.has(shape) || part.counts.size < SHAPES_A_PART ? shape : OTHER;
      part.counts.set(kept, (part.counts.get(kept) ?? 0) + weight);
      examples.set(kept, line.slice(0, EXAMPLE_CHARS));
    },
    look(now) {
      forget(now);
      const sums = new Map<string, number>();
      for (const { counts } of parts)
        for (const [shape, count] of counts) sums.set(shape, (sums.get(shape) ?? 0) + count);
      const lines = [...sums.values()].reduce((sum, count) => sum + count, 0);
      const top = [...sums].filter(([shape]) => shape !== OTHER).sort((one, other) => other[1] - one[1]);
      const most = top.slice(0, LOOP_SHAPES);
      const share = lines === 0 ? 0 : most.reduce((sum, [, count]) => sum + count, 0) / lines;
      return { lines, share, shapes: most.length, example: examples.get(most[0]?.[0] ?? '') ?? null };
    },
  };
}

const UUID = /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi;
/** Addresses of IPv6 and Ethernet, and times of day. */
const COLONS = /(?<![\w:])[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}(?![\w:])/gi;
const DAYS_AND_MONTHS = /\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b/g;
/** The value of a key that names an identifier. */
const NAMED_IDS = /\b(\w*(?:id|session|trace|token|nonce|hash))(["']?[=:]\s*["']?)[\w-]{6,}/gi;
/** Three letters and a random tail with capitals in it: `ses_fPczibtvDz`. */
const PREFIXED_IDS = /\b([a-z]{2,6}_)(?=[a-z]*[A-Z])[A-Za-z\d]{8,}\b/g;
const SPINNERS = /[\u2800-\u28ff\u25d0-\u25d7\u25f4-\u25f7\u2722-\u274b]/g;
/** What only work moves: a percentage, a part of a total, and what is measured of learning and trading. */
const PERCENTAGES = /(?<![\d.,])\d+(?:[.,]\d+)?(?= ?%)/g;
const PARTS_OF_TOTAL = /(?<![\d.,/])(\d[\d,]*)( ?\/ ?| of )(\d[\d,]*)(?![\d/])/g;
const MEASURE = '(?:loss|acc|accuracy|reward|score|perplexity|ppl|price|pnl|balance|equity|frame)';
const MEASURES = new RegExp(`(?<![A-Za-z])${MEASURE}\\b["']?[=: ]+[+-]?[\\d.,]+(?:e[+-]?\\d+)?`, 'gi');
const MEASURE_KEY = new RegExp(`(?<![A-Za-z])${MEASURE}$`, 'i');
/** A smaller total counts attempts. */
const ATTEMPTS = 20;
const ATTEMPT_BEFORE = /(?:attempt|retr(?:y|ies|ying)|try|tries|reconnect\w*)\W*$/i;
const PIECES = /[A-Za-z\d]+/g;
/** No word has five consonants in a row, but for a few; a random name of eight letters mostly has. */
const RANDOM = /^(?=.{8}).*[b-df-hj-np-tv-xz]{5}|^[b-df-hj-np-tv-xz]{5,}$/;
const NUMBERED_WORD = /^([A-Za-z]{2,})\d{1,5}$/;
const HEX = /^[\da-f]+$/i;

/**
 * A line without what differs between repetitions; empty for a blank one. Numbers, times and identifiers are taken out, also of paths, but
 * the words of a path stay: who goes through many files is in no loop. Of a JSON line the event, the tool and its input.
 */
export function shapeOf(line: string): string {
  const text = stripSequences(line).trim();
  if (text.startsWith('{')) {
    const shape = jsonShape(text);
    if (shape !== null) return shape;
  }
  return textShape(text);
}

function textShape(text: string): string {
  return text
    .slice(0, TEXT_CHARS)
    .replace(UUID, '0')
    .replace(COLONS, '0')
    .replace(NAMED_IDS, (_all, key: string, is: string) => `${key}${is}0`)
    .replace(PREFIXED_IDS, (_all, prefix: string) => `${prefix}0`)
    .replace(PERCENTAGES, kept)
    .replace(PARTS_OF_TOTAL, (all: string, _part: string, _of: string, total: string, at: number, line: string) =>
      Number(total.replaceAll(',', '')) <= ATTEMPTS || ATTEMPT_BEFORE.test(line.slice(Math.max(0, at - 20), at))
        ? all
        : kept(all),
    )
    .replace(MEASURES, kept)
    .replace(DAYS_AND_MONTHS, '0')
    .replace(PIECES, pieceShape)
    .replace(/0(?:[\s.,:+-]*0)+/g, '0')
    .replace(SPINNERS, '')
    .replace(/\.{2,}|…/g, '…')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 300);
}

/** Digits that are not taken out, because no pattern knows them. */
const kept = (text: string): string => text.replace(/\d/g, digit => String.fromCharCode(0xe000 + Number(digit)));

function pieceShape(piece: string): string {
  if (!/\d/.test(piece)) return RANDOM.test(piece.toLowerCase()) ? '0' : piece;
  const word = HEX.test(piece) ? undefined : NUMBERED_WORD.exec(piece)?.[1];
  return `${word ?? ''}0`;
}

const EVENT_KEYS = ['type', 'event', 'subtype', 'level', 'status', 'is_error'];
const TOOL_KEYS = ['name', 'tool', 'tool_name', 'toolName', 'function'];
const INPUT_KEYS = ['input', 'arguments', 'args', 'parameters', 'params', 'command', 'query'];
const TEXT_KEYS = ['text', 'msg', 'content', 'result', 'error', 'output'];
/** Where an event keeps what it is about. */
const INNER_KEYS = ['message', 'item', 'data', 'part', 'delta', 'content'];
const MOST_DEPTH = 4;

function jsonShape(text: string): string | null {
  try {
    const shape = shapeOfValue(JSON.parse(text), 0).trim();
    // Fields that are not known: their text is looked at.
    return shape === '' ? null : `json ${shape}`;
  } catch {
    // No JSON, or cut off: its text is looked at.
    return null;
  }
}

function shapeOfValue(value: unknown, depth: number): string {
  if (typeof value === 'string') return textShape(value);
  if (typeof value !== 'object' || value === null || depth > MOST_DEPTH) return '';
  if (Array.isArray(value)) return value.map(one => shapeOfValue(one, depth + 1)).join(',');
  const object = value as Record<string, unknown>;
  const words = (keys: readonly string[]) =>
    keys.flatMap(key => (typeof object[key] === 'string' ? [object[key]] : []));
  const inputs = INPUT_KEYS.flatMap(key => (object[key] === undefined ? [] : [hashOf(JSON.stringify(object[key]))]));
  const texts = words(TEXT_KEYS).map(textShape);
  const inner = INNER_KEYS.flatMap(key => (object[key] === undefined ? [] : [shapeOfValue(object[key], depth + 1)]));
  const measures = Object.entries(object).filter(([key, one]) => typeof one === 'number' && MEASURE_KEY.test(key));
  return [...words(EVENT_KEYS), ...words(TOOL_KEYS), ...inputs, ...texts, ...inner, ...measures.flat()].join(' ');
}

/** Which input it was is not to be told. */
const hashOf = (text: string): string => fnv1a(text).toString(16);

// Tells output from a redraw. A terminal program that waits still draws: a spinner, a clock, "Reconnecting… 35s". Such text is written
// over in place and differs from what stood there only in spinner glyphs, digits and control sequences, so it is no sign of life. A
// percentage that changes is one: only work moves it.

/** Listens to one stream of a run. */
export interface RedrawFilter {
  /** Whether this text holds anything but redraws. */
  isOutput(text: string): boolean;
  /** A redraw is under way: the next text may belong to it though nothing in it shows that. */
  isDrawing(): boolean;
}

/** What moves the cursor back or erases: a carriage return that ends no line, a backspace, cursor and erase sequences. */
const MOVES_BACK = /\r(?!\n)|\u0008|\u001b(?:\[[0-9;?]*[ABCDEFGHJKSTfsu]|[78M])/;
const NEWLINE_AT_END = /\n$/;
const PERCENTAGE = /\d+(?:[.,]\d+)?(?= ?%)/g;
/** Digits, punctuation that spinners and bars are drawn with, arrows, boxes, blocks, dingbats, Braille dots, clocks and moons. */
const DECORATION =
  /[\d\s|/\\+*.=#<>_~°·•…‹›«»∙⋅\-\u2010-\u2015\u2190-\u21ff\u2300-\u23ff\u2500-\u27bf\u2800-\u28ff\u2b00-\u2bff]|\ud83c[\udf00-\udf20]|\ud83d[\udd50-\udd67]/g;
/** How many shapes of redrawn lines are remembered: more than a screen has lines. */
const MOST_SHAPES = 64;

export function createRedrawFilter(): RedrawFilter {
  // The percentages that a shape was last drawn with; in the order of their last use.
  const shapes = new Map<string, string>();
  let redrawing = false;

  function isNew(segment: string): boolean {
    const shape = segment.replace(DECORATION, '');
    if (shape === '') return false;
    const percentages = (segment.match(PERCENTAGE) ?? []).join();
    const before = shapes.get(shape);
    shapes.delete(shape);
    shapes.set(shape, percentages);
    if (shapes.size > MOST_SHAPES) shapes.delete(shapes.keys().next().value!);
    return before !== percentages;
  }

  return {
    isDrawing: () => redrawing,
    isOutput(text) {
      const movesBack = MOVES_BACK.test(text);
      if (!movesBack && !redrawing) return stripSequences(text) !== '';
      // The text may come in another piece than the sequence that moved the cursor.
      redrawing = movesBack || !NEWLINE_AT_END.test(text);
      let found = false;
      for (const segment of stripSequences(text).split(/[\r\n]+/)) if (isNew(segment)) found = true;
      return found;
    },
  };
}
