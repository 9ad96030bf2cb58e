/** For the watcher's events: the user, the process, and the service in whose run we are, if in one. */
export function whoAsks(): string {
  const inside = process.env['AGENT_WATCH_NAME'];
  const user = process.env['SUDO_USER'] ?? process.env['USER'] ?? `user ${process.getuid?.() ?? '?'}`;
  const by = process.argv[2] === 'mcp' ? ', an assistant by mcp' : '';
  return `${user} (pid ${process.pid}${by}${inside === undefined ? '' : `, from the run of ${inside}`})`;
}
