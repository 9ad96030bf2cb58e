import { type ASTNode, Environment, type ParseResult } from '@marcbachmann/cel-js';
import { serialize } from '@marcbachmann/cel-js/serialize';
import { plainLine } from '../../core/text.ts';
import { durationText } from '../../core/units.ts';
import { limited } from '../output-feed.ts';
import { faultText, prepare } from './prepare.ts';
import { lookUp, type Metrics, readable, setName } from './values.ts';

const macros = new Set(['all', 'exists', 'exists_one', 'map', 'filter']);

/** The dotted names that an expression needs, each once, in order. */
function namesOf(root: ASTNode): string[] {
  const names = new Set<string>();
  visit(root, new Set(), names);
  return [...names];
}

function visit(node: unknown, bound: ReadonlySet<string>, names: Set<string>): void {
  if (Array.isArray(node)) {
    for (const part of node) visit(part, bound, names);
    return;
  }
  if (typeof node !== 'object' || node === null || !('op' in node) || !('args' in node)) return;
  const path = pathOf(node);
  if (path !== null) {
    if (!bound.has(path.split('.', 1)[0]!)) names.add(path);
    return;
  }
  const { op, args } = node as { op: string; args: unknown };
  // has(a.b) asks whether it is there: it needs none.
  if (op === 'call' && Array.isArray(args) && args[0] === 'has') return;
  if (op === 'rcall' && Array.isArray(args) && macros.has(String(args[0]))) {
    const inner = args[2] as unknown[];
    const variable = pathOf(inner[0]);
    visit(args[1], bound, names);
    return visit(inner.slice(1), variable === null ? bound : new Set([...bound, variable]), names);
  }
  visit(args, bound, names);
}

/** `a.b.c` of a name and its fields; null for anything else. */
function pathOf(node: unknown): string | null {
  if (typeof node !== 'object' || node === null || !('op' in node) || !('args' in node)) return null;
  const { op, args } = node as { op: string; args: unknown };
  if (op === 'id') return String(args);
  if (op !== '.' || !Array.isArray(args) || typeof args[1] !== 'string') return null;
  const before = pathOf(args[0]);
  return before === null ? null : `${before}.${args[1]}`;
}

/** What a condition says of some metrics. */
export type Judgement =
  | { readonly kind: 'clear' | 'tripped'; readonly why: string }
  /** `missing`: the names without a value, if that is the cause. */
  | { readonly kind: 'blind'; readonly why: string; readonly missing: readonly string[] };

/** A condition that parsed. */
export interface Condition {
  readonly written: string;
  /** The dotted names it needs. */
  readonly names: readonly string[];
  evaluate(metrics: Metrics): Judgement;
}

const MOST_CHARS = 4000;
/** A condition that takes longer counts as missing metrics: nothing may keep the watcher from its loop. */
const EVALUATION_MS = 100;
/** What can take its time: a pattern that backtracks, and lists within lists. */
const mayTakeLong = /\b(?:matches|all|exists|exists_one|map|filter)\s*\(/;
const arithmetic = new Set<string>(['+', '-', '*', '/', '%', '-_']);

/** Parses a condition. Returns it, or in one line what is wrong with it and where. */
export function parseCondition(written: string): Condition | string {
  if (written.trim() === '') return 'it is empty; write one such as daily_loss > 10';
  if (written.length > MOST_CHARS) return `it is longer than ${MOST_CHARS} characters`;
  const { text, origin } = prepare(written);
  const environment = mixedTypes();
  let program: ParseResult;
  try {
    program = environment.parse(text);
  } catch (error) {
    return faultText(error, written, origin);
  }
  const checked = program.check();
  if (!checked.valid) return faultText(checked.error, written, origin);
  if ((checked.type !== 'bool' && checked.type !== 'dyn') || arithmetic.has(program.ast.op))
    return 'it is a value, not a condition; compare it with something, as in daily_loss > 10';
  const names = namesOf(program.ast);
  const quotients = quotientsOf(program.ast).map(node => environment.parse(serialize(node)));
  const judge = (metrics: Metrics) => evaluate(written, names, program, quotients, metrics);
  return { written, names, evaluate: mayTakeLong.test(text) ? inTime(judge) : judge };
}

function inTime(judge: (metrics: Metrics) => Judgement): (metrics: Metrics) => Judgement {
  let run: ReturnType<typeof limited> | null = null;
  return metrics => {
    let judgement: Judgement = {
      kind: 'blind',
      why: `it takes longer than ${durationText(EVALUATION_MS)}`,
      missing: [],
    };
    run ??= limited(EVALUATION_MS);
    run(() => {
      judgement = judge(metrics);
    });
    return judgement;
  };
}

function evaluate(
  written: string,
  names: readonly string[],
  program: ParseResult,
  quotients: readonly ParseResult[],
  metrics: Metrics,
): Judgement {
  const known: Record<string, unknown> = {};
  const missing: string[] = [];
  const said: string[] = [];
  for (const name of names) {
    const value = lookUp(metrics, name);
    if (value === undefined || value === null) missing.push(name);
    else {
      setName(known, name, value);
      said.push(`${name} ${show(value)}`);
    }
  }
  const why = said.join(', ');
  try {
    const result: unknown = program(known);
    if (result === true) return { kind: 'tripped', why: `${written} (${why})` };
    if (result === false && !quotients.some(quotient => hasNoResult(quotient, known))) return { kind: 'clear', why };
    const fault = result === false ? 'a division has no result' : 'it is neither true nor false';
    return { kind: 'blind', why: `${fault} (${why})`, missing: [] };
  } catch (error) {
    const fault = missing.length > 0 ? `no value for ${missing.join(', ')}` : oneLine(error);
    return { kind: 'blind', why: said.length > 0 ? `${fault} (${why})` : fault, missing };
  }
}

function hasNoResult(quotient: ParseResult, known: Metrics): boolean {
  try {
    return Number.isNaN(quotient(known));
  } catch {
    // Its names are missing: the whole was false without it.
    return false;
  }
}

const SHOWN_CHARS = 60;

function show(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  const shown = plainLine(text.slice(0, 1000));
  if (shown.length <= SHOWN_CHARS) return shown;
  // No part of a word that the cut splits: half a secret would not be recognised.
  const edge = typeof value === 'string' ? /[^\s"'`]*$/ : /[^\s"'`,[\]{}:]*$/;
  return `${shown.slice(0, SHOWN_CHARS).replace(edge, '')}…`;
}

function oneLine(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'summary' in error) return String(error.summary);
  return String(error).split('\n')[0] ?? '';
}

// In CEL `1 + 1.5` is an error, and size() gives an integer where all other numbers are decimals. And a text never equals a number or
// a truth value, where sources of metrics quote what they like: `x == "7"` and `x == true` would silently never be met.
function mixedTypes(): Environment {
  const environment = new Environment({ unlistedVariablesAreDyn: true });
  const operators: Record<string, (a: number, b: number) => number> = {
    '+': (a, b) => a + b,
    '-': (a, b) => a - b,
    '*': (a, b) => a * b,
    '/': (a, b) => a / b,
    '%': (a, b) => a % b,
  };
  for (const [operator, act] of Object.entries(operators)) {
    const mixed = (a: unknown, b: unknown) => act(Number(a), Number(b));
    environment.registerOperator(`int ${operator} double`, mixed);
    environment.registerOperator(`double ${operator} int`, mixed);
    if (operator === '%') environment.registerOperator('double % double', mixed);
  }
  for (const pair of ['string == double', 'string == int', 'string == bool', 'int == bool', 'double == bool'])
    environment.registerOperator(pair, equal);
  return environment;
}

/** Two values of different types, a text by what it reads as. A truth value against another text has no answer. */
function equal(...values: unknown[]): boolean {
  const [one, other] = values.map(value => (typeof value === 'string' ? (readable(value) ?? value) : value));
  if (typeof one !== 'string' && typeof other !== 'string') return Number(one) === Number(other);
  const [text, truth] = typeof one === 'string' ? [one, other] : [other, one];
  if (typeof truth === 'boolean') throw new Error(`"${show(text)}" is compared with ${truth}`);
  return false;
}

// 0/0 is NaN, every comparison with it false: without this a kill condition would never trip, and nothing would say so.
function quotientsOf(node: ASTNode): ASTNode[] {
  if (node.op === '/' || node.op === '%') return [node];
  // Inside all(), exists() and the like there are names that exist nowhere else.
  if (node.op === 'rcall') return [];
  return childrenOf(node).flatMap(quotientsOf);
}

function childrenOf(node: ASTNode): ASTNode[] {
  const args: unknown = node.args;
  return (Array.isArray(args) ? args.flat(2) : [args]).filter(isNode);
}

function isNode(value: unknown): value is ASTNode {
  return typeof value === 'object' && value !== null && 'op' in value && 'args' in value;
}
