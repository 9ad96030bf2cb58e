import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { withEagerFunctions } from '../../scripts/eager-functions.ts';

const program = `
var late = __esm({ "src/late.ts"() { used(); } });
function __esm(of) { return () => Object.values(of)[0](); }
var add = a => b => a + b, idle = () => 'never called', plain = function (x) { return x * 2; };
var bag = { method() { return 'm'; }, get got() { return 'g'; }, arrow: (x) => ({ x }) };
var flag = true, pick = flag ? x => [x] : y => y;
class Kind { field = () => this.value; value = 7; static make() { return new Kind(); } }
async function later() { return await (async () => 'a')(); }
function used() { console.log('late'); }
late();
console.log(add(1)(2), plain(4), bag.method(), bag.got, JSON.stringify(bag.arrow(1)), pick(3), Kind.make().field());
later().then(x => console.log(x));
var asked = () => add(2)(3);
if (process.argv[2] === 'more') asked();
`;

test('the functions that a run called stand in parentheses, once, and the program does what it did', () => {
  const folder = mkdtempSync(join(tmpdir(), 'eager-test-'));
  try {
    const [before, after] = [join(folder, 'before.cjs'), join(folder, 'after.cjs')];
    writeFileSync(before, program);
    const text = withEagerFunctions(process.execPath, before, [[], ['more']]);
    writeFileSync(after, text);
    const outputOf = (file: string) => execFileSync(process.execPath, [file], { encoding: 'utf8' });
    expect(outputOf(after)).toBe(outputOf(before));
    expect(text).toContain('var add = (a => (b => a + b))');
    expect(text).toContain('var asked = (() => add(2)(3))');
    expect(text).toContain("idle = () => 'never called'");
    expect(text).toContain('plain = (function (x) { return x * 2; })');
    expect(text).toContain('{ "src/late.ts": (() => { used(); }) }');
    expect(text).toContain("method() { return 'm'; }");
    expect(text).toContain('pick = flag ? (x => [x]) : y => y');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
