import { expect, test } from 'vitest';
import { readEnvFile } from '../../../src/cli/arguments/resolve-settings.ts';
import { faultOf } from '../somewhere.ts';

test.each<[string, Record<string, string>]>([
  ['', {}],
  ['A=1', { A: '1' }],
  ['A=1\nB=2\n', { A: '1', B: '2' }],
  ['A=1\r\nB=2\r\n', { A: '1', B: '2' }],
  ['\uFEFFA=1', { A: '1' }],
  ['# c\n\n  \nA=1 # why\n', { A: '1' }],
  ['A=a#b', { A: 'a#b' }],
  ['A=# only a comment', { A: '' }],
  ['A=', { A: '' }],
  ['A=b=c', { A: 'b=c' }],
  ['export A=1', { A: '1' }],
  ['  A = two words  ', { A: 'two words' }],
  ["A='$x \\n # b' # c", { A: '$x \\n # b' }],
  ['A="a\\nb \\"c\\" \\$d \\\\ \\q"', { A: 'a\nb "c" $d \\ \\q' }],
  ['A="-----BEGIN\nxyz\n-----END"\nB=2', { A: '-----BEGIN\nxyz\n-----END', B: '2' }],
  ['A=$B', { A: '$B' }],
  ['A=1\nA=2', { A: '2' }],
  ['a.b-c=1', { 'a.b-c': '1' }],
  ['__proto__=1', JSON.parse('{"__proto__":"1"}')],
])('%j', (text, values) => expect(readEnvFile(text, 'f')).toEqual(values));

test.each([
  ['A=1\nB', 'f:2: "B" is not KEY=value'],
  ['A="x\ny"\n\nB', 'f:4: "B" is not KEY=value'],
  ['=1', 'f:1: "=1" is not KEY=value'],
  ['A B=1', 'f:1:'],
  ['A="x', 'f:1: the value of A has no closing quote'],
  ["A='x' y", 'f:1: the value of A has no closing quote, or something after it'],
  ['A=a\0b', 'f:1: A contains a NUL byte'],
])('%j is refused', async (text, message) => expect(await faultOf(() => readEnvFile(text, 'f'))).toContain(message));
