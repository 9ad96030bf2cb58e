import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type AlertEvent, withoutLog } from '../../src/alerts/alert.ts';
import { compose } from '../../src/alerts/alerts.ts';
import { render } from '../../src/alerts/formats.ts';
import { formatOf, readTargets, shownUrl } from '../../src/alerts/target.ts';
import { clipEnd, clipStart, clipStartBytes, utf8Bytes } from '../../src/core/text.ts';
import { scratch } from '../support/scratch.ts';
import { allKinds, eventOf, webhook } from './world.ts';

const speaker = { name: 'my_agent', host: 'box', clean: (text: string) => text };
const family = '👨‍👩‍👧‍👦';
const nasty = [
  '@everyone and @here',
  '<!channel> <@U123> <#C1>',
  '```',
  '` `` ```` ``````',
  'https://evil.example/click',
  '[click](https://evil.example)',
  '</b><script>alert(1)</script> & co',
  '$(reboot) `id` "; rm -rf /',
  '"""',
  '\u001b[31mred\u001b[0m\u0007\u009b2J\0',
  family.repeat(50),
  '\ud83d lonely',
  'x'.repeat(20_000),
  '**bold** __x__ ~~y~~ ||z|| > quote',
];

function hostile(more: Partial<AlertEvent> = {}) {
  const text = nasty.join(' ');
  const event = eventOf('crash', {
    reason: text,
    keyLine: text,
    category: 'unknown',
    incidentId: 'i1',
    exit: { code: null, signal: 'SIGKILL' },
    probe: { name: 'x', message: text },
    prior: { count: 3, lastAt: '2026-10-01T00:00:00.000Z', id: 'i0' },
    diagnosis: { text, model: 'm' },
    tail: nasty,
    ...more,
  });
  return compose(speaker, event, 'id');
}

describe('every receiver gets text that only reads', () => {
  test('Slack', () => {
    const alert = { ...hostile(), earlier: nasty };
    const { text } = JSON.parse(render('slack', alert).body);
    expect(text.length).toBeLessThanOrEqual(3000);
    expect(text).not.toMatch(/@(?:everyone|here|U123)|<[!@#]|https:\/\/|[<>]/);
    expect(text.match(/```/g)).toHaveLength(2);
    expect(text.endsWith('\n```')).toBe(true);
    expect(text).toContain('&amp; co');
  });

  test('Discord', () => {
    const {
      content,
      embeds,
      allowed_mentions: mentions,
    } = JSON.parse(render('discord', { ...hostile(), earlier: nasty }).body);
    expect(mentions).toEqual({ parse: [] });
    const [embed] = embeds;
    expect(content.length).toBeLessThanOrEqual(2000);
    expect(embed.description.length).toBeLessThanOrEqual(4096);
    expect(embed.fields[0].value.length).toBeLessThanOrEqual(1024);
    expect(embed.title.length + embed.description.length + embed.fields[0].value.length).toBeLessThanOrEqual(6000);
    expect(embed.description.match(/```/g)).toHaveLength(2);
    expect(content + embed.description + embed.fields[0].value).not.toMatch(/@everyone|https:\/\//);
    expect(content).not.toMatch(/(?<!\\)[*~|]/);
  });

  test('ntfy', () => {
    const { headers, body } = render('ntfy', { ...hostile(), earlier: nasty });
    expect(utf8Bytes(body)).toBeLessThanOrEqual(4096);
    expect(headers).toMatchObject({ title: 'my_agent crashed', priority: '4' });
    for (const value of Object.values(headers)) expect(value).toMatch(/^[\x20-\x7e]+$/);
    expect(body).not.toMatch(/@everyone|https:\/\//);
  });

  test('Telegram', () => {
    const { text, link_preview_options: previews } = JSON.parse(
      render('telegram', { ...hostile(), earlier: nasty }).body,
    );
    expect(previews).toEqual({ is_disabled: true });
    expect(text.length).toBeLessThanOrEqual(4096);
    expect(text).not.toMatch(/@everyone|https:\/\//);
    expect(formatOf(new URL('https://api.telegram.org/bot1:x/sendMessage?chat_id=5'))).toBe('telegram');
    const settings = { format: null, commands: [], files: [] };
    const { faults } = readTargets({ ...settings, webhooks: [webhook('https://api.telegram.org/bot1:x/sendMessage')] });
    expect(faults).toEqual([expect.stringMatching(/needs a chat: .*chat_id=/)]);
  });

  test('says cause, key line, state, what to do and what to type, in this order', () => {
    const alert = compose(
      speaker,
      eventOf('flap', {
        category: 'out-of-memory',
        keyLine: 'MemoryError at bot.py:9',
        exit: { code: 1, signal: null },
        nextRestartInMs: 600_000,
        incidentId: 'my_agent-abc',
        recommendation: 'Lower the batch size in bot.py:9.',
      }),
      'id8',
    );
    expect(alert).toMatchObject({ title: 'my_agent keeps crashing: out of memory', severity: 'critical' });
    const lines = JSON.parse(render('slack', alert).body).text.split('\n');
    expect(lines.slice(0, 5)).toEqual([
      ':rotating_light: *my_agent keeps crashing: out of memory*',
      'MemoryError at bot.py:9',
      alert.text,
      'Lower the batch size in bot.py:9.',
      'agent-watch incidents show my_agent-abc',
    ]);
    expect(render('ntfy', alert).headers).toMatchObject({ priority: '4', tags: 'rotating_light' });
    expect(JSON.parse(render('discord', alert).body).embeds[0].color).toBe(0xd92d20);
    expect(withoutLog(alert)).toMatchObject({ keyLine: null, recommendation: null, command: alert.command });
  });

  test('generic JSON is the event, with a text that Mattermost can take', () => {
    const alert = compose(
      speaker,
      eventOf('crash', {
        exit: { code: 1, signal: null },
        oom: 'suspected',
        uptimeMs: 192_000,
        nextRestartInMs: 8000,
        tail: ['last words'],
        incidentId: 'i1',
      }),
      'id7',
    );
    expect(JSON.parse(render('generic', alert).body)).toEqual({
      version: 1,
      id: 'id7',
      event: 'crash',
      severity: 'warning',
      name: 'my_agent',
      host: 'box',
      at: '2026-11-01T03:00:00.000Z',
      title: 'my_agent crashed',
      incidentId: 'i1',
      reason: null,
      category: null,
      keyLine: null,
      exit: { code: 1, signal: null, oom: 'suspected' },
      uptimeMs: 192_000,
      downMs: null,
      restarts: { total: 4, window: 4 },
      nextStartInMs: 8000,
      probe: null,
      prior: null,
      recommendation: null,
      command: 'agent-watch incidents show i1',
      tail: ['last words'],
      diagnosis: null,
      count: 1,
      earlier: [],
      text: 'my_agent crashed (exit code 1, perhaps out of memory) after 3m12s; next start in 8s',
    });
  });

  test('whatever the log says: bounded, well formed, no control characters, and emoji are whole', () => {
    const text = fc.oneof(fc.constantFrom(...nasty), fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }));
    fc.assert(
      fc.property(fc.array(text, { maxLength: 30 }), fc.constantFrom(...allKinds), (tail, kind) => {
        const reason = tail[0] ?? null;
        const alert = {
          ...hostile({ tail, reason, event: kind }),
          earlier: tail.map(line => compose(speaker, eventOf('flap', { reason: line }), 'e').text),
        };
        for (const format of ['slack', 'discord', 'ntfy', 'telegram', 'generic'] as const) {
          const { body } = render(format, alert);
          expect(body.isWellFormed()).toBe(true);
          expect(body).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]|\\u00[01]/);
          expect(utf8Bytes(body)).toBeLessThan(100_000);
        }
        expect(JSON.parse(render('slack', alert).body).text.length).toBeLessThanOrEqual(3000);
        expect(utf8Bytes(render('ntfy', alert).body)).toBeLessThanOrEqual(4096);
      }),
      { numRuns: 50 },
    );
  });

  test('an emoji is never cut in two', () => {
    const text = `a${family}`.repeat(40);
    const whole = new Set([...new Intl.Segmenter().segment(text)].map(part => part.segment));
    for (let limit = 20; limit < 120; limit++) {
      for (const cut of [clipStart(text, limit), clipEnd(text, limit), clipStartBytes(text, limit)])
        for (const { segment } of new Intl.Segmenter().segment(cut.replace('…', ''))) expect(whole).toContain(segment);
      expect(clipStart(text, limit).length).toBeLessThanOrEqual(limit);
      expect(clipEnd(text, limit).length).toBeLessThanOrEqual(limit);
      expect(utf8Bytes(clipStartBytes(text, limit))).toBeLessThanOrEqual(limit);
    }
  });

  test('secrets are taken out before anything is cut, over lines too', () => {
    const clean = (text: string) => text.replaceAll(/BEGIN[\s\S]*?END|sk-q+/g, '***');
    const secret = `sk-${'q'.repeat(600)}`;
    const event = eventOf('crash', {
      reason: secret,
      keyLine: secret,
      tail: ['BEGIN', 'qqqqq', 'END', secret],
      diagnosis: { text: secret, model: null },
    });
    expect(JSON.stringify(compose({ ...speaker, clean }, event, 'id'))).not.toMatch(/qqq/);
  });

  test('where no log may go, nothing of it does', () => {
    const alert = withoutLog(
      compose(
        speaker,
        eventOf('crash', {
          keyLine: 'LOG',
          tail: ['LOG'],
          probe: { name: 'p', message: 'LOG' },
          diagnosis: { text: 'LOG', model: null },
        }),
        'id',
      ),
    );
    for (const format of ['slack', 'discord', 'ntfy', 'telegram', 'generic'] as const)
      expect(render(format, alert).body).not.toContain('LOG');
  });
});

describe('where alerts go', () => {
  test.each([
    ['https://hooks.slack.com/services/T/B/x', 'slack'],
    ['https://discord.com/api/webhooks/1/x', 'discord'],
    ['https://canary.discord.com/api/webhooks/1/x', 'discord'],
    ['https://discord.com/api/webhooks/1/x/slack', 'slack'],
    ['https://ntfy.sh/topic', 'ntfy'],
    ['https://ntfy.example.org/topic', 'ntfy'],
    ['https://hooks.slack.com.evil.example/x', 'generic'],
    ['https://notdiscord.com/x', 'generic'],
  ])('%s is %s', (url, format) => expect(formatOf(new URL(url))).toBe(format));

  test('of an address only the host is shown', () => {
    expect(shownUrl('https://user:pw@hooks.slack.com/services/T/B/geheim?token=x')).toBe('hooks.slack.com');
    expect(shownUrl('geheim')).not.toContain('geheim');
    const path = join(scratch(), 'hook');
    writeFileSync(path, 'ftp://geheim.example', { mode: 0o600 });
    for (const bad of [path, '/nonexistent', '/dev/null']) {
      const webhooks = [webhook(`@${bad}`)];
      const { targets, faults } = readTargets({ webhooks, format: null, commands: [], files: [] });
      expect(targets).toEqual([]);
      expect(faults).toHaveLength(1);
      expect(faults[0]).not.toContain('geheim');
    }
  });

  test('a webhook of the environment is reported at the start and gets no log lines', () => {
    const target = { url: new URL('https://hooks.slack.com/services/T/B/geheim') };
    const base = { format: null, commands: [], files: [] };
    const { targets, notes } = readTargets({ ...base, webhooks: [{ target, from: 'ALERT_WEBHOOK' }] });
    expect(targets).toMatchObject([{ kind: 'webhook', format: 'slack', withLog: false }]);
    expect(notes).toEqual(['alerts go to hooks.slack.com, as $ALERT_WEBHOOK says, without lines of the log']);
    expect(readTargets({ ...base, webhooks: [webhook('https://a.example')] })).toMatchObject({
      targets: [{ withLog: true }],
      notes: [],
    });
  });
});
