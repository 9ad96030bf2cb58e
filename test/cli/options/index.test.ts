import { expect, test } from 'vitest';
import { commandNames, commandRow } from '../../../src/cli/arguments/commands.ts';
import { readValues } from '../../../src/cli/arguments/resolve-options.ts';
import { isOptionName, optionNames, optionRow, sections } from '../../../src/cli/options/index.ts';
import { defaultText } from '../../../src/cli/render/help.ts';

/** The contract's tables, row by row: the option and its default as the contract writes it; null where it has none. */
const contract: Record<string, Record<string, string | null>> = {
  identity: {
    name: 'from the command',
    'state-dir': '$AGENT_WATCH_STATE_DIR, else /var/lib/agent-watch for root, else ~/.local/state/agent-watch',
    config: null,
    cwd: 'inherited',
    env: 'inherited',
    'env-file': null,
    stdin: 'a pipe or file is passed to the first run, a short pipe to each run; a terminal is not passed on',
  },
  restart: {
    restart: 'always',
    backoff: '1s',
    'backoff-factor': '2',
    'backoff-max': '1h',
    jitter: '0',
    'healthy-after': '2m',
    'flap-threshold': '5',
    'flap-window': '5m',
    'flap-cooldown': '10m',
    'max-restarts': 'none',
    'success-codes': '0',
    'hold-codes': 'none',
    'on-cause': 'rate-limited=wait, auth-failed=wait:15m',
    'max-wait': '8d',
    'success-pattern': 'none',
    'fail-at-exit': 'none',
    'done-pattern': 'none',
    'done-grace': '30s',
    accept: 'none',
    'resume-command': 'none',
    'on-hold': 'wait',
    'stop-signal': 'SIGTERM',
    'stop-timeout': '10s',
    'stop-to': 'main',
    'dump-signal': null,
    'max-runtime': 'none',
    'expect-duration': 'none',
    schedule: 'none',
    timezone: 'local',
    'feed-last-output': null,
  },
  health: {
    'stale-after': null,
    'stale-when': 'silent',
    'first-output': null,
    'progress-pattern': null,
    'fail-pattern': null,
    'fresh-file': null,
    grow: null,
    http: null,
    'http-expect': null,
    'http-ca': null,
    port: null,
    check: null,
    'max-memory': null,
    'max-cpu': null,
    'min-disk': null,
    'error-rate': null,
    'error-pattern': null,
    'repeat-limit': null,
    'repeat-action': 'alert',
    'health-interval': '30s',
    'health-timeout': '5s',
    'health-retries': '3',
    'health-start-period': '60s',
    budget: null,
    'kill-when': null,
    metrics: null,
    'metrics-max-age': '5m',
    'kill-when-blind': null,
    remedy: null,
  },
  output: {
    quiet: null,
    'log-max-size': '10M',
    'log-keep': '5; 1 under journald',
    'no-log': null,
    'tail-lines': '20',
    'buffer-size': '256K',
  },
  incidents: {
    diagnose: 'rules',
    'llm-model': 'per provider',
    'llm-url': 'per provider',
    'llm-timeout': '10s; 120s ollama',
    'llm-max-calls': '20/1d',
    'llm-key-file': "the provider's own variable",
    judge: 'none',
    'judge-with': 'the model of --diagnose',
    'judge-acts': null,
    'alert-webhook': '$AGENT_WATCH_ALERT_WEBHOOK, $ALERT_WEBHOOK',
    'alert-format': 'by host',
    'alert-command': null,
    'alert-file': null,
    'alert-on': 'flap,slow-loop,hold,limited,unhealthy,recovered',
    'alert-cooldown': '15m',
    'heartbeat-url': 'none',
    listen: 'off; host 127.0.0.1; of serve: 127.0.0.1:7433',
    'listen-token-file': null,
    'notify-ready': 'up',
  },
};

for (const [section, rows] of Object.entries(contract)) {
  test(`section ${section} has the contract's rows in the contract's order`, () =>
    expect(sections[section as keyof typeof sections]).toEqual(Object.keys(rows)));
  test.each(Object.entries(rows))(`${section}: the default of --%s`, (name, text) => {
    if (!isOptionName(name)) throw new Error(`no option ${name}`);
    expect(defaultText(name)).toBe(text);
  });
}

test('choices are the contract’s', () => {
  expect(optionRow('restart').choices).toEqual(['always', 'on-failure', 'never']);
  expect(optionRow('on-hold').choices).toEqual(['wait', 'exit']);
  expect(optionRow('diagnose').choices).toEqual(['off', 'rules', 'anthropic', 'openai', 'ollama', 'command:CMD']);
  expect(optionRow('alert-format').choices).toEqual(['slack', 'discord', 'ntfy', 'telegram', 'generic']);
  expect(optionRow('notify-ready').choices).toEqual(['up', 'healthy']);
});

test('the value of every default is what its reader makes of it', () => {
  for (const name of optionNames) {
    const row = optionRow(name);
    expect(row.value === undefined, name).toBe(row.default === undefined);
    if (row.default === undefined) continue;
    const raw = new Map([[name, [{ text: row.default, base: '/', where: name }]]]);
    expect({ [name]: readValues([name], new Map())[name] }).toEqual({ [name]: readValues([name], raw)[name] });
  }
});

test('every bound is a value of its option', () => {
  for (const name of optionNames)
    for (const text of [optionRow(name).min, optionRow(name).max])
      if (text !== undefined) readValues([name], new Map([[name, [{ text, base: '/', where: name }]]]));
});

test('names are kebab-case, short letters are free of doubles, meanings are one line', () => {
  const shorts = optionNames.flatMap(name => optionRow(name).short ?? []);
  expect(new Set(shorts).size).toBe(shorts.length);
  for (const name of optionNames) {
    expect(name).toMatch(/^[a-z][a-z-]*[a-z]$/);
    expect(optionRow(name).meaning).toMatch(/^[^\n]{3,100}$/);
  }
});

test('every option is taken by some command', () => {
  const taken = new Set(commandNames.flatMap(name => commandRow(name).options));
  expect(optionNames.filter(name => !taken.has(name))).toEqual(['help', 'version']);
});
