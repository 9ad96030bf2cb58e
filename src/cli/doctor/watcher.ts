import { userInfo } from 'node:os';
import { portHolder } from '../../host/port-holder.ts';
import { limitsOf, runsRemovedFile, serviceOf } from '../../host/process-facts.ts';
import { readProcess } from '../../host/process-table.ts';
import { lingers } from '../service/plan.ts';
import { type Finding, note, type Subject, serious, well } from './finding.ts';
import { childOf, supervisorAbove } from './state-folder.ts';

/** Fewer than this run out with a few hundred connections. */
const FEW_FILES = 1024;

/** Whether the watcher itself is there, and what becomes of its child if it is killed. */
export function lookAtWatcher(subject: Subject): Finding[] {
  const { status, watcher, fault } = subject;
  const findings =
    fault === null ? [] : [note(`its state file cannot be read (${fault})`, 'the next start keeps it aside')];
  if (status.phase === 'lost') findings.push(lost(subject));
  if (status.phase === 'held')
    findings.push(
      serious(
        `held, so nothing starts: ${status.holdReason ?? 'why is unreadable'}`,
        `agent-watch reset ${status.name}`,
      ),
    );
  if (watcher !== null)
    findings.push(...unprotected(subject, watcher), ...replaced(subject, watcher), ...limits(watcher));
  findings.push(...unitBeside(subject));
  return findings;
}

function lost(subject: Subject): Finding {
  const child = childOf(subject);
  const again =
    subject.unit === null ? `start it again; agent-watch install keeps it started` : 'systemctl start it again';
  if (child === null) return serious('its watcher is gone and nothing runs', again);
  return serious(
    `its watcher is gone, and its child ${child} runs on unwatched`,
    `${again}: that child is ended first`,
  );
}

/** Only a unit's control group, or the end of a container, ends what a killed watcher leaves. */
function unprotected({ env }: Subject, watcher: number): Finding[] {
  if (process.platform !== 'linux' || watcher === 1) return [];
  const service = serviceOf(watcher);
  const isMain =
    env['SYSTEMD_EXEC_PID'] === String(watcher) || (service !== null && readProcess(watcher)?.parent === 1);
  if (isMain) return [well(`its watcher is ${service ?? 'a unit'}: systemd keeps it, and ends all of it`)];
  const above = supervisorAbove(watcher);
  const findings = [
    note(
      `its watcher is in no unit: kill -9 of ${watcher} (as the OOM killer does) leaves the command unwatched until the next start`,
      'agent-watch install makes it a unit of systemd',
    ),
  ];
  if (above !== null && !above.startsWith('systemd'))
    findings.push(
      note(
        `its watcher runs under ${above}, which starts watchers again that ended on purpose`,
        'use agent-watch install',
      ),
    );
  return findings;
}

/** After an upgrade a watcher runs what it was started from until it is started again. */
function replaced({ name, unit }: Subject, watcher: number): Finding[] {
  if (!runsRemovedFile(watcher)) return [];
  const again = unit === null ? `agent-watch restart --watcher ${name}` : 'systemctl restart its unit';
  return [note('its watcher runs an executable that has been replaced or removed since it was started', again)];
}

function limits(watcher: number): Finding[] {
  const { files } = limitsOf(watcher);
  if (files === null || files >= FEW_FILES) return [];
  return [note(`its watcher and command may open ${files} files at a time`, 'ulimit -n, or LimitNOFILE= in the unit')];
}

function unitBeside({ name, unit, watcher, status }: Subject): Finding[] {
  if (unit === null) return [];
  const findings: Finding[] = [];
  if (
    watcher !== null &&
    serviceOf(watcher)?.startsWith(`agent-watch-${name}`) !== true &&
    process.platform === 'linux'
  )
    findings.push(
      note(
        `${unit.path} is installed, but the watcher in charge is another`,
        `agent-watch stop ${name}, then systemctl start it`,
      ),
    );
  const owner = userInfo().username;
  if (!unit.path.startsWith('/etc/') && !lingers(owner))
    findings.push(
      serious(
        `${unit.path} ends with your last session, and does not start at boot`,
        `loginctl enable-linger ${owner}`,
      ),
    );
  if (status.phase === 'stopped')
    findings.push(note('stopped by hand; it starts at the next boot', 'agent-watch uninstall, if it is not to'));
  return findings;
}

/** Whether somebody else listens where --listen wants to: the watcher tries again for as long as it lives, and shows nothing meanwhile. */
export async function lookAtListenPort({ settings, watcher }: Subject): Promise<Finding[]> {
  const listen = settings?.service.listen ?? null;
  if (listen === null || watcher === null || process.platform !== 'linux') return [];
  const holder = await portHolder(listen.port, new Set());
  if (holder === null || holder.pid === watcher) return [];
  const by =
    holder.pid === null ? "another user's process" : `process ${holder.pid} (${holder.command ?? 'unknown command'})`;
  return [
    serious(
      `--listen ${listen.host}:${listen.port} is not served: the port is taken by ${by}`,
      'give --listen another port, or end that process: the watcher tries again every 3s',
    ),
  ];
}
