import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { comparable, page, transcripts } from '../../scripts/transcripts.ts';
import { withoutPython } from '../support/terminal.ts';
import { executable } from '../support/watcher.ts';

describe.skipIf(withoutPython)(`docs/at-night.md (${withoutPython ?? 'python3'})`, () => {
  test('shows what the commands print: six alerts, each with cause and next step in two commands', async () => {
    const made = await transcripts(executable);
    // node scripts/transcripts.ts writes it.
    expect(comparable(made)).toBe(comparable(readFileSync(page, 'utf8')));
    expect(made.match(/^## (?:A|An) .*$/gm)).toHaveLength(6);
    expect(made.match(/^\$ agent-watch .*$/gm)).toHaveLength(12);
  });
});
