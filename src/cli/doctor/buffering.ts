import { basename } from 'node:path';
import { environmentOf } from '../../host/process-facts.ts';
import { type Finding, note } from './finding.ts';
import { findProgram, interpreterOf } from './programs.ts';
import type { Subject } from './subject.ts';
import { childOf } from './twins.ts';

/** What keeps its output in a buffer when it writes into a pipe, and how it is told not to. Python is told by us. */
const BUFFERS: readonly (readonly [program: RegExp, cure: string])[] = [
  [/^[gm]?awk$/, 'fflush() after each print, or stdbuf -oL in front of it'],
  [/^[ef]?grep$/, '--line-buffered'],
  [/^sed$/, '-u'],
  [/^(?:cut|tr|uniq|tcpdump)$/, 'stdbuf -oL in front of it'],
  [/^jq$/, '--unbuffered'],
  [/^ruby[\d.]*$/, '$stdout.sync = true'],
  [/^perl[\d.]*$/, '$| = 1'],
];

/** Whether the command's last words may stay with it when it dies, and a busy one look hung. */
export function lookAtBuffering(subject: Subject): Finding[] {
  const { status, cwd, env } = subject;
  const [program = '', ...args] = status.command;
  const found = findProgram(program, env['PATH'] ?? '', cwd);
  // A shim (pyenv's) is a shell script that is called like what it starts.
  const names = [basename(program), basename((found === null ? null : interpreterOf(found)) ?? '')];
  if (names.some(name => /^(?:python|pypy)[\d.]*$/.test(name))) return python(subject, args);
  const row = BUFFERS.find(([pattern]) => names.some(name => pattern.test(name)));
  if (row === undefined) return [];
  const what = `${names[0]} keeps its output in a buffer: it comes late, and its last words are lost in a crash`;
  return [note(what, row[1])];
}

function python(subject: Subject, args: readonly string[]): Finding[] {
  const script = args.findIndex(word => !word.startsWith('-') || word === '-c' || word === '-m');
  const flags = args.slice(0, script === -1 ? args.length : script).filter(word => /^-[a-zA-Z]+$/.test(word));
  if (flags.some(flag => flag.includes('u'))) return [];
  const child = childOf(subject);
  const given = (child === null ? null : environmentOf(child)) ?? subject.settings?.identity.env ?? {};
  const ignored = flags.find(flag => /[EI]/.test(flag));
  const off = given['PYTHONUNBUFFERED'] === '' ? 'PYTHONUNBUFFERED is set to nothing' : null;
  const why = ignored === undefined ? off : `${ignored} makes Python ignore PYTHONUNBUFFERED`;
  if (why === null) return [];
  return [note(`${why}: its output comes late, and its last words are lost in a crash`, 'python3 -u')];
}
