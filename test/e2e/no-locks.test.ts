import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { because, missing } from '../support/fixture.ts';
import { scratch } from '../support/scratch.ts';
import { executable, phaseIs, run, startWatcher } from '../support/watcher.ts';

/** Refuses every kind of file lock below a folder of that name, as a network file system without its lock daemon does. */
const NO_LOCKS = `#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
static int refused(int fd, int command) {
  char link[64], path[512];
  if (command != F_SETLK && command != F_SETLKW && command != F_OFD_SETLK && command != F_OFD_SETLKW) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return strstr(path, "/state/") != 0;
}
static int forward(const char *name, int fd, int command, void *argument) {
  int (*real)(int, int, ...) = dlsym(RTLD_NEXT, name);
  if (refused(fd, command)) { errno = ENOLCK; return -1; }
  return real(fd, command, argument);
}
int fcntl(int fd, int command, ...) { va_list a; va_start(a, command); void *p = va_arg(a, void *); va_end(a); return forward("fcntl", fd, command, p); }
int fcntl64(int fd, int command, ...) { va_list a; va_start(a, command); void *p = va_arg(a, void *); va_end(a); return forward("fcntl64", fd, command, p); }
`;

const noCompiler = missing('cc', '--version');
const bundle = resolve(import.meta.dirname, '../../build/agent-watch.cjs');

/** With the kernel's locks of an open file, and with SQLite's where node:ffi is missing. */
for (const [how, program] of [
  ['the executable', [executable]],
  ['a Node without node:ffi', [process.execPath, '--no-experimental-ffi', bundle]],
] as const)
  test.skipIf(noCompiler !== null)(
    `${how}: a folder that takes no locks is no watched one; its lock is in the private folder${because(noCompiler)}`,
    async () => {
      const folder = scratch();
      writeFileSync(join(folder, 'no.c'), NO_LOCKS);
      expect(missing('cc', '-shared', '-fPIC', '-o', `${folder}/no.so`, `${folder}/no.c`, '-ldl')).toBeNull();
      const env = { LD_PRELOAD: `${folder}/no.so` };
      const args = ['--name', 'bot', '--', 'env', '-u', 'LD_PRELOAD', 'sleep', '1021'];
      const watcher = startWatcher(folder, args, { env, program: [...program] });
      await watcher.said(/cannot hold a lock \(ENOLCK.*\); it is in /);
      await phaseIs(folder, 'bot', 'running');
      const second = startWatcher(folder, args, { env, program: [...program] });
      expect((await second.ended).code).toBe(75);
      expect(run(folder, ['stop', 'bot'])).toMatchObject({ code: 0 });
      expect((await watcher.ended).code).toBe(0);
    },
  );
