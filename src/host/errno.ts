/** The errno name of a failed system call (`ENOSPC`), or null for anything else that was thrown. */
export function errnoOf(error: unknown): string | null {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  return typeof code === 'string' ? code : null;
}

const SHORTAGES: ReadonlySet<string | null> = new Set(['EMFILE', 'ENFILE', 'ENOMEM']);

/** Throws the error on if it says that a look could not be made (no descriptors, no memory), and nothing of what was looked for. */
export function refuseShortage(error: unknown): void {
  if (SHORTAGES.has(errnoOf(error))) throw error;
}

/**
 * A failed system call in a few words for one line: `ENOSPC: no space left on device`. Node appends the call and its
 * path, which are cut: paths are often ones through /proc/self/fd, which tell nobody anything.
 */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const [first = ''] = error.message.split('\n');
  const code = errnoOf(error);
  if (code === null) return first;
  // A file's call stands behind the reason (`ENOENT: no such file or directory, open '/x'`), a socket's before it, and its
  // address at the end (`listen EACCES: permission denied /x`).
  const port = 'port' in error && typeof error.port === 'number' && error.port >= 0 ? `:${error.port}` : '';
  const address = 'address' in error && typeof error.address === 'string' ? ` ${error.address}${port}` : '';
  const reason = first.slice(Math.max(0, first.indexOf(`${code}:`))).replace(/, \w+(?: '.*)?$/, '');
  return address !== '' && reason.endsWith(address) ? reason.slice(0, -address.length) : reason;
}

/** A failed call of libc, in the form of Node's own errors. */
export class SystemError extends Error {
  /** The errno name, such as `EAGAIN`. */
  readonly code: string;
  /** Negative, as in Node's own errors. */
  readonly errno: number;
  readonly syscall: string;

  constructor(errno: number, syscall: string) {
    const { getSystemErrorMap } = process.getBuiltinModule('node:util');
    const { constants } = process.getBuiltinModule('node:os');
    // Node's map lacks some, such as ENOLCK.
    const named = Object.entries(constants.errno).find(([, number]) => number === errno)?.[0] ?? `errno ${errno}`;
    const [code, text] = getSystemErrorMap().get(-errno) ?? [named, 'refused by the system'];
    super(`${code}: ${text}, ${syscall}`);
    this.code = code;
    this.errno = -errno;
    this.syscall = syscall;
  }
}
