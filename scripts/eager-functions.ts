/**
 * Marks the functions that a start calls, so that they are compiled when the executable is built and not each time it starts.
 *
 * V8 compiles a function when it is first called, unless its expression stands in parentheses; and only what is compiled with the
 * script gets into the code cache of the executable. So the bundle is run once, V8 says which functions were called, and
 * those are put in parentheses. Nothing else changes, and what a start does not call stays uncompiled.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

interface Range {
  startOffset: number;
  endOffset: number;
  count: number;
}

interface Coverage {
  result: { url: string; functions: { ranges: Range[] }[] }[];
}

/** The bundle's text with the functions in parentheses that one of its runs with these arguments calls. */
export function withEagerFunctions(node: string, bundlePath: string, runs: readonly string[][]): string {
  const text = readFileSync(bundlePath, 'utf8');
  const inserts: [at: number, what: string][] = [];
  for (const { startOffset, endOffset } of calledFunctions(node, bundlePath, runs)) {
    const form = formOf(text, startOffset);
    if (form === 'expression') inserts.push([startOffset, '('], [endOffset, ')']);
    // esbuild wraps late modules in an object's method, which never asks for `this`.
    if (form === 'module') {
      const name = text.indexOf('() {', startOffset);
      inserts.push([name, ': ('], [name + 2, ' =>'], [endOffset, ')']);
    }
  }
  return insertAll(text, inserts);
}

function calledFunctions(node: string, bundlePath: string, runs: readonly string[][]): Range[] {
  const folder = mkdtempSync(join(tmpdir(), 'agent-watch-coverage-'));
  try {
    const env = { ...process.env, NODE_V8_COVERAGE: folder };
    for (const args of runs) spawnSync(node, [bundlePath, ...args], { env, stdio: 'ignore' });
    const url = pathToFileURL(bundlePath).href;
    const called = readdirSync(folder)
      .map(name => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Coverage)
      .flatMap(({ result }) => result.filter(script => script.url === url))
      .flatMap(script => script.functions.flatMap(({ ranges }) => ranges[0] ?? []))
      .filter(({ count, startOffset }) => count > 0 && startOffset > 0);
    return [...new Map(called.map(range => [`${range.startOffset}-${range.endOffset}`, range])).values()];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

// From the text alone: V8's offsets are exact, and only what is an expression for certain is touched.
function formOf(text: string, at: number): 'expression' | 'module' | 'other' {
  const rest = text.slice(at, at + 200);
  if (/^"(?:node_modules|src)\/[^"]*"\(\) \{/.test(rest)) return 'module';
  if (rest.startsWith('(') || /^[\w$]+ =>/.test(rest)) return 'expression';
  const before = text.slice(Math.max(0, at - 50), at).trimEnd();
  if (/^function[ *(]/.test(rest) && /(?:[=(,:?[&|]|return)$/.test(before)) return 'expression';
  return 'other';
}

function insertAll(text: string, inserts: [number, string][]): string {
  const sorted = inserts.toSorted(([a], [b]) => a - b);
  let result = '';
  let from = 0;
  for (const [at, what] of sorted) {
    result += text.slice(from, at) + what;
    from = at;
  }
  return result + text.slice(from);
}
