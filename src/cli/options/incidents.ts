import type { OptionTable } from './option.ts';

/** What is found out about an end, and who is told. */
export const incidentOptions = {
  diagnose: {
    kind: 'diagnose',
    choices: ['off', 'rules', 'anthropic', 'openai', 'ollama', 'command:CMD'],
    default: 'rules',
    value: { kind: 'rules' },
    meaning: 'how incidents are diagnosed: rules first, then the model',
  },
  'llm-model': {
    kind: 'text',
    placeholder: 'MODEL',
    defaultNote: 'per provider',
    meaning: 'model to ask',
  },
  'llm-url': {
    kind: 'secret-url',
    placeholder: 'URL',
    defaultNote: 'per provider',
    meaning: "base URL of the API, as the provider's own SDK takes it",
  },
  'llm-timeout': {
    kind: 'duration',
    min: '1ms',
    defaultNote: '10s; 120s ollama',
    meaning: 'time limit of an answer',
  },
  'llm-max-calls': {
    kind: 'rate',
    default: '20/1d',
    value: { count: 20, windowMs: 86_400_000 },
    meaning: 'limit on the number of calls to the model',
  },
  'llm-key-file': {
    kind: 'path',
    placeholder: 'FILE',
    defaultNote: "the provider's own variable",
    meaning: 'file that holds the API key',
  },
  judge: {
    kind: 'path',
    placeholder: 'FILE',
    defaultNote: 'none',
    meaning: 'a rubric in plain text: a model judges by it the output of each run that ended with success',
  },
  'judge-with': {
    kind: 'diagnose',
    choices: ['anthropic', 'openai', 'ollama', 'command:CMD'],
    defaultNote: 'the model of --diagnose',
    meaning: 'the model that judges',
  },
  'judge-acts': {
    kind: 'switch',
    meaning: 'a fail of the judge makes the run a failure, once the judge is calibrated (`runs agreement`)',
  },
  'alert-webhook': {
    kind: 'secret-url',
    repeat: true,
    defaultNote: '$AGENT_WATCH_ALERT_WEBHOOK, $ALERT_WEBHOOK',
    meaning: 'URL to post alerts to',
  },
  'alert-format': {
    kind: 'choice',
    choices: ['slack', 'discord', 'ntfy', 'telegram', 'generic'],
    defaultNote: 'by host',
    meaning: 'format of the webhook',
  },
  'alert-command': {
    kind: 'text',
    placeholder: 'COMMAND',
    repeat: true,
    meaning: 'command that gets the alert as JSON on standard input',
  },
  'alert-file': {
    kind: 'path',
    placeholder: 'FILE',
    repeat: true,
    meaning: 'file to append alerts to, as text',
  },
  'alert-on': {
    kind: 'choices',
    choices: ['flap', 'slow-loop', 'hold', 'limited', 'unhealthy', 'recovered', 'crash', 'start', 'stop', 'all'],
    default: 'flap,slow-loop,hold,limited,unhealthy,recovered',
    value: ['flap', 'slow-loop', 'hold', 'limited', 'unhealthy', 'recovered'],
    repeat: true,
    meaning: 'events to alert on; also crash, start, stop, all',
  },
  'alert-cooldown': { kind: 'duration', default: '15m', value: 900_000, meaning: 'for the same cause' },
  'heartbeat-url': {
    kind: 'secret-url',
    defaultNote: 'none',
    meaning: 'URL to ping while running or healthy',
  },
  listen: {
    kind: 'host-port',
    defaultNote: 'off; host 127.0.0.1; of serve: 127.0.0.1:7433',
    meaning: 'HTTP address, read-only; a watcher serves /livez, /readyz, /status and /metrics there',
  },
  'listen-token-file': {
    kind: 'path',
    placeholder: 'FILE',
    meaning: 'file that holds the token; required when --listen is not on loopback',
  },
  'notify-ready': {
    kind: 'choice',
    choices: ['up', 'healthy'],
    default: 'up',
    value: 'up',
    meaning: 'when to report READY to systemd',
  },
} as const satisfies OptionTable;
