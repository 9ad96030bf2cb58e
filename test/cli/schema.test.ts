import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { serviceSchema } from '../../src/cli/render/schema.ts';

const validate = new Ajv2020({
  strict: true,
  allowUnionTypes: true,
  allErrors: true,
  formats: { regex: true },
}).compile(serviceSchema());

describe('the schema of the configuration file', () => {
  test.each([
    'command: [python3, bot.py]',
    'command: [sleep, 5]\nname: my-bot\nbackoff: 500ms\nsuccess-codes: [0, 3]\nlog-keep: 3\nquiet: true',
    'command: [x]\nenv: {A: 1, B: two}\nenv-file: .env\nstdin: "null"',
    'command: [x]\nenv: [A=1, B=2]\nhttp: http://127.0.0.1/\nport: 8080\ncheck: ["a", {command: b, interval: 5s}]',
    'command: [x]\nhttp: {url: http://a/, expect: ok, retries: 2, severity: optional}\nmin-disk: {free: 1G, path: /}',
    'command: [x]\nstale-after: {after: 20m, pattern: done}\nkill-when: a > 1\nmetrics: m.json\ndiagnose: "command:x"',
  ])('takes %j', text => {
    expect(validate(parse(text)), JSON.stringify(validate.errors)).toBe(true);
  });

  test.each([
    'command: []',
    'command: sleep 5',
    'command: [x]\nnmae: y',
    'command: [x]\nbackoff: 5',
    'command: [x]\nrestart: allways',
    'command: [x]\nhttp: {url: http://a/, severity: fatal}',
    'command: [x]\nconfig: y.yaml',
  ])('refuses %j', text => expect(validate(parse(text))).toBe(false));
});
