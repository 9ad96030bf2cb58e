import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compareExchange, withoutLibatomic } from '../../scripts/without-libatomic.ts';
import { serving } from '../servers/serving.ts';
import { because, missing } from '../support/fixture.ts';
import { scratch } from '../support/scratch.ts';

const machine = process.arch === 'arm64' ? 183 : 62;
const noCompiler = missing('gcc', '--version');
const noLoader = missing('ldd', '--version');

/** Four threads add up by compare-and-exchange; then one that fails has to tell what it found. */
const PROGRAM = `
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
static const unsigned char code[] = { CODE };
static _Bool (*exchange)(size_t, void *, void *, void *, int, int);
static _Alignas(8) uint64_t sum;
static void *add(void *unused) {
  for (int i = 0; i < 250000; i++) {
    uint64_t seen = __atomic_load_n(&sum, __ATOMIC_RELAXED), next;
    do next = seen + 4294967297u; while (!exchange(8, &sum, &seen, &next, 5, 5));
  }
  return unused;
}
int main(void) {
  void *page = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memcpy(page, code, sizeof code);
  __builtin___clear_cache(page, (char *)page + sizeof code);
  exchange = page;
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) pthread_create(&threads[i], 0, add, 0);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], 0);
  uint64_t wrong = 7, next = 9;
  _Bool done = exchange(8, &sum, &wrong, &next, 5, 5);
  printf("%llx %d %d %d\\n", (unsigned long long)sum, done, wrong == sum, sum == 9);
}
`;

test.skipIf(noCompiler)(
  `its compare-and-exchange loses nothing between threads, and tells what it found${because(noCompiler)}`,
  () => {
    const folder = scratch();
    const code = [...compareExchange(machine)].join(',');
    writeFileSync(join(folder, 'it.c'), PROGRAM.replace('CODE', code));
    const made = spawnSync('gcc', ['-O2', '-pthread', '-o', 'it', 'it.c'], { cwd: folder, encoding: 'utf8' });
    expect(made).toMatchObject({ status: 0, stderr: '' });
    expect(spawnSync(join(folder, 'it'), { encoding: 'utf8' }).stdout).toBe('f4240000f4240 0 1 0\n');
  },
);

/** What calls the function: WebAssembly (its tables, a module of undici behind fetch), and functions that threads make by the thousand. */
const WORK = `
const { Worker, isMainThread, workerData } = require('node:worker_threads');
const bytes = Uint8Array.from([0,97,115,109,1,0,0,0,1,7,1,96,2,127,127,1,127,3,2,1,0,4,4,1,112,0,16,7,11,2,3,97,100,100,0,0,1,116,1,0,
  10,9,1,7,0,32,0,32,1,106,11]);
let sum = 0;
for (let i = 0; i < 200; i++) {
  const { add, t } = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
  for (let slot = 0; slot < 16; slot++) t.set(slot, add);
  sum += t.get(i % 16)(i, 1);
  for (let j = 0; j < 200; j++) sum += new Function('a', 'return a + ' + j)(0);
  if (i % 20 === 0) globalThis.gc();
}
if (isMainThread) (async () => {
  const ends = Array.from({ length: 4 }, () => new Promise(done => new Worker(__filename).once('exit', done)));
  const text = await (await fetch(process.argv[2])).text();
  console.log(sum, text, await Promise.all(ends));
})();
`;

test.skipIf(noLoader)(
  `a Node without libatomic runs WebAssembly, fetch and threads that compile${because(noLoader)}`,
  async () => {
    const folder = scratch();
    const node = join(folder, 'node');
    writeFileSync(node, withoutLibatomic(readFileSync(process.execPath)), { mode: 0o755 });
    expect(spawnSync('ldd', [node], { encoding: 'utf8' }).stdout).not.toMatch(/libatomic/);
    writeFileSync(join(folder, 'work.cjs'), WORK);
    const { url } = await serving((_, response) => response.end('answered'));
    const child = spawn(node, ['--expose-gc', join(folder, 'work.cjs'), url], { stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    child.stdout.on('data', bytes => (text += bytes));
    child.stderr.on('data', bytes => (text += bytes));
    const code = await new Promise(done => child.once('close', done));
    expect({ code, text }).toEqual({ code: 0, text: `${20_100 + 200 * 19_900} answered [ 0, 0, 0, 0 ]\n` });
  },
);
