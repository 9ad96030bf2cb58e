import type { OptionTable } from './option.ts';

/** What is found out about an end, and who is told. */
export const incidentOptions = {
  diagnose: {
    kind: 'diagnose',
    choices: ['off', 'rules', 'anthropic', 'openai', 'ollama', 'command:CMD'],
    default: 'rules',
    value: { kind: 'rules' },
    meaning: 'who explains an incident; all but off begin with the rules',
  },
  'llm-model': {
    kind: 'text',
    placeholder: 'MODEL',
    defaultNote: 'per provider',
    meaning: 'the model to ask',
  },
  'llm-url': {
    kind: 'secret-url',
    placeholder: 'URL',
    defaultNote: 'per provider',
    meaning: "the base address, as the provider's own SDK takes it",
  },
  'llm-timeout': {
    kind: 'duration',
    min: '1ms',
    defaultNote: '10s; 120s ollama',
    meaning: 'how long an answer may take',
  },
  'llm-max-calls': {
    kind: 'rate',
    default: '20/1d',
    value: { count: 20, windowMs: 86_400_000 },
    meaning: 'no more questions than that',
  },
  'llm-key-file': {
    kind: 'path',
    placeholder: 'FILE',
    defaultNote: "the provider's own variable",
    meaning: 'the file that holds the key; a key is never a flag',
  },
  'alert-webhook': {
    kind: 'secret-url',
    repeat: true,
    defaultNote: '$AGENT_WATCH_ALERT_WEBHOOK, $ALERT_WEBHOOK',
    meaning: 'where alerts are posted',
  },
  'alert-format': {
    kind: 'choice',
    choices: ['slack', 'discord', 'ntfy', 'generic'],
    defaultNote: 'by host',
    meaning: 'the shape of the webhook',
  },
  'alert-command': {
    kind: 'text',
    placeholder: 'COMMAND',
    repeat: true,
    meaning: 'gets the alert as JSON on standard input',
  },
  'alert-file': {
    kind: 'path',
    placeholder: 'FILE',
    repeat: true,
    meaning: 'the alert is appended as text',
  },
  'alert-on': {
    kind: 'choices',
    choices: ['flap', 'slow-loop', 'hold', 'limited', 'unhealthy', 'recovered', 'crash', 'start', 'stop', 'all'],
    default: 'flap,slow-loop,hold,limited,unhealthy,recovered',
    value: ['flap', 'slow-loop', 'hold', 'limited', 'unhealthy', 'recovered'],
    repeat: true,
    meaning: 'what is alerted; also crash, start, stop, all',
  },
  'alert-cooldown': { kind: 'duration', default: '15m', value: 900_000, meaning: 'for the same cause' },
  'heartbeat-url': {
    kind: 'secret-url',
    defaultNote: 'none',
    meaning: 'pinged while running or healthy',
  },
  listen: {
    kind: 'host-port',
    defaultNote: 'off; host 127.0.0.1',
    meaning: 'serves /livez, /readyz, /status and /metrics there, read-only',
  },
  'listen-token-file': {
    kind: 'path',
    placeholder: 'FILE',
    meaning: 'the token that --listen on another host than loopback needs',
  },
  'notify-ready': {
    kind: 'choice',
    choices: ['up', 'healthy'],
    default: 'up',
    value: 'up',
    meaning: 'when systemd is told READY',
  },
} as const satisfies OptionTable;
