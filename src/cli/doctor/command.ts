import { basename } from 'node:path';
import { environmentOf } from '../../host/process-facts.ts';
import { findProgram } from '../../host/run-command.ts';
import { type Finding, note, pathOf, type Subject, serious, type Unit, well } from './finding.ts';
import { interpreterOf } from './machine.ts';
import { childOf } from './state-folder.ts';

const PLAIN_PATH = '/bin:/usr/bin';

/** Whether the command is still found: by the watcher that runs, and by the unit that starts it after the next boot. */
export function lookAtCommand(subject: Subject): Finding[] {
  const { status, settings, env, unit, cwd, watcher } = subject;
  const [program] = status.command;
  if (program === undefined) return [];
  const here = settings?.identity.env['PATH'] ?? env['PATH'] ?? PLAIN_PATH;
  const who = watcher === null ? 'this shell' : 'its watcher';
  const findings = missing(program, here, cwd, `the PATH of ${who}`);
  if (unit !== null) findings.push(...lookAtUnit(unit, program, here, cwd));
  return findings;
}

function missing(program: string, path: string, cwd: string, where: string): Finding[] {
  const found = findProgram(program, path, cwd);
  if (found === null) {
    if (program.includes('/'))
      return [serious(`${program} is not there, or not executable: the next start fails`, 'put it back; chmod +x')];
    return [
      serious(
        `${program} is not found on ${where} (${path}): the next start fails`,
        'install it, or name it by its whole path',
      ),
    ];
  }
  const interpreter = interpreterOf(found);
  if (interpreter === null || findProgram(interpreter, path, cwd) !== null) return [];
  return [
    serious(
      `${found} asks for ${interpreter}, which is not found on ${where} (${path})`,
      `install ${interpreter}, or set PATH for it`,
    ),
  ];
}

function lookAtUnit(unit: Unit, program: string, here: string, cwd: string): Finding[] {
  const again = `agent-watch install again, from a shell in which it works`;
  const path = pathOf(unit);
  const findings = missing(program, path, cwd, `the PATH of ${unit.path}`).map(({ what }) => serious(what, again));
  if (findProgram(unit.program, path, '/') === null)
    findings.push(serious(`${unit.path} starts ${unit.program}, which is not there: nothing starts at boot`, again));
  const [mine, its] = [findProgram(program, here, cwd), findProgram(program, path, cwd)];
  if (mine !== null && its !== null && mine !== its)
    findings.push(note(`${program} is ${mine} now, but ${its} for ${unit.path}`, again));
  const lacking = here.split(':').filter(folder => folder !== '' && !path.split(':').includes(folder));
  if (lacking.length > 0)
    findings.push(
      note(`${unit.path} does not search ${lacking.join(', ')}: what the command calls there is not found`, again),
    );
  return findings.length === 0 ? [well(`${unit.path} finds the command`)] : findings;
}

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
