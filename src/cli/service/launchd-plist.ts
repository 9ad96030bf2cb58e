import { viaEnvironmentFile } from './crontab.ts';
import type { ServicePlan } from './systemd-unit.ts';

/** What launchd calls the watcher of a name, and its file without `.plist`. */
export function plistLabel(name: string): string {
  return `agent-watch.${name}`;
}

/**
 * The property list of a launchd job. launchd has no file for secret variables: a shell reads one, and becomes the watcher.
 * Source: launchd.plist(5).
 */
export function launchdPlist(plan: ServicePlan, errorPath: string): string {
  const { name, program, args, environment, environmentFile, once, stopTimeoutMs } = plan;
  const words = [...program, ...args];
  const command =
    environmentFile === null ? words : ['/bin/sh', '-c', viaEnvironmentFile('"$0"'), environmentFile, ...words];
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">',
    '<plist version="1.0">',
    '<dict>',
    ...entry('Label', text(plistLabel(name))),
    ...entry('ProgramArguments', list(command)),
    ...entry('EnvironmentVariables', dictionary(environment)),
    ...entry('RunAtLoad', '<true/>'),
    // A watcher that runs its command once has done its work when it ends, however it ends.
    ...entry('KeepAlive', once ? '<false/>' : '<true/>'),
    ...entry('ThrottleInterval', '<integer>10</integer>'),
    ...entry('ExitTimeOut', `<integer>${Math.ceil(stopTimeoutMs / 1000) + 10}</integer>`),
    ...entry('AbandonProcessGroup', '<false/>'),
    ...entry('StandardErrorPath', text(errorPath)),
    '</dict>',
    '</plist>',
    '',
  ].join('\n');
}

function entry(key: string, value: string): string[] {
  return [`  <key>${escaped(key)}</key>`, `  ${value}`];
}

function text(value: string): string {
  return `<string>${escaped(value)}</string>`;
}

function list(values: readonly string[]): string {
  return `<array>\n${values.map(value => `    ${text(value)}\n`).join('')}  </array>`;
}

function dictionary(values: Readonly<Record<string, string>>): string {
  const rows = Object.entries(values).map(([key, value]) => `    <key>${escaped(key)}</key>\n    ${text(value)}\n`);
  return `<dict>\n${rows.join('')}  </dict>`;
}

/** XML 1.0 has no way at all to write most control characters; a carriage return survives only as a reference. */
function escaped(value: string): string {
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('\r', '&#13;');
}

/** Whether XML can hold the text. */
export function fitsPlist(value: string): boolean {
  return !/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/.test(value);
}
