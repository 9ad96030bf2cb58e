// A small agent to watch: it works through twelve pages, keeps its place in a file, and has three bugs that stop it on the
// way: two crashes, and a wait for an answer that never comes. Started again, it goes on where it stopped. Run by `npm run example`.
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

const place = process.argv[2] ?? 'place.json';
const pages = 12;

function load() {
  try {
    return JSON.parse(readFileSync(place, 'utf8'));
  } catch {
    return { page: 0, words: 0, stumbled: [] };
  }
}

function save(progress) {
  writeFileSync(`${place}.new`, JSON.stringify(progress));
  renameSync(`${place}.new`, place);
}

/** The first time a bug is met it strikes; it is noted before, so that the next life gets past it. */
function stumble(progress, page, bug) {
  if (progress.page !== page || progress.stumbled.includes(page)) return;
  save({ ...progress, stumbled: [...progress.stumbled, page] });
  bug();
}

const progress = load();
const life = process.env.AGENT_WATCH_RUN ?? '1';
console.log(`life ${life}: ${progress.page === 0 ? 'starting' : `going on after page ${progress.page}`}`);
while (progress.page < pages) {
  await pause(250);
  stumble(progress, 3, () => {
    const answer = JSON.parse('{"choices": []}');
    console.log(answer.choices[0].message.content);
  });
  stumble(progress, 8, () => {
    console.error('native library: heap corrupted');
    process.kill(process.pid, 'SIGSEGV');
    for (;;);
  });
  stumble(progress, 10, () => {
    console.log('asking the model again');
    // Nothing but a kill ends this: the process lives on, and does nothing.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });
  progress.page += 1;
  progress.words += 40 + ((progress.page * 7) % 13);
  save(progress);
  console.log(`page ${progress.page} of ${pages}: ${progress.words} words read`);
}
console.log('all pages read');
