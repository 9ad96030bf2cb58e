/**
 * Variables of the environment that steer Node itself, some of them before any line of ours has run: one that is meant for the watched
 * command (a coverage folder, a debugging aid, a disabled certificate check) would act on the watcher as well. So the Node inside the
 * executable is made to look for other names, of the same length, which nobody sets. The environment itself stays as it was given, and
 * the command gets it whole.
 */

/** In full, or the beginning of several (`NODE_DEBUG_NATIVE`, `NODE_REPL_HISTORY`). NODE_OPTIONS is off by an option of its own. */
const STEERING = [
  'NODE_CHANNEL_FD',
  'NODE_CHANNEL_SERIALIZATION_MODE',
  'NODE_CLUSTER_SCHED_POLICY',
  'NODE_COMPILE_CACHE',
  'NODE_DEBUG',
  'NODE_ICU_DATA',
  'NODE_NO_WARNINGS',
  'NODE_PENDING_DEPRECATION',
  'NODE_PRESERVE_SYMLINKS',
  'NODE_REDIRECT_WARNINGS',
  'NODE_REPL_EXTERNAL_MODULE',
  'NODE_TEST_CONTEXT',
  'NODE_TLS_REJECT_UNAUTHORIZED',
  'NODE_UNIQUE_ID',
  'NODE_USE_ENV_PROXY',
  'NODE_V8_COVERAGE',
  'OPENSSL_CONF',
  'UV_THREADPOOL_SIZE',
  'UV_USE_IO_URING',
  'WATCH_REPORT_DEPENDENCIES',
];

/** `NODE_DEBUG` becomes `NODE_DEBUg`: equal in length, since everything in the file has its place. */
export function renamed(name: string): string {
  return name.slice(0, -1) + name.slice(-1).toLowerCase();
}

/** Renames them wherever they stand in a Node, in its machine code's strings and in its scripts alike. Throws if one is not there. */
export function renameVariables(node: Buffer): Buffer {
  for (const name of STEERING) {
    let at = node.indexOf(name, 0, 'latin1');
    if (at === -1) throw new Error(`this Node does not know ${name}; take it off the list`);
    for (; at !== -1; at = node.indexOf(name, at + name.length, 'latin1')) node.write(renamed(name), at, 'latin1');
  }
  return node;
}
