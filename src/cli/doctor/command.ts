import { type Finding, note, serious, well } from './finding.ts';
import { findProgram, interpreterOf } from './programs.ts';
import type { Subject } from './subject.ts';
import { pathOf, type Unit } from './unit.ts';

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
