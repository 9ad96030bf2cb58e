import type { Status } from '../../core/status.ts';
import { maskedCommand } from './masked-command.ts';
import { redact } from './redact.ts';

/** A status for everybody to see: a command may hold keys, and the address of a probe, by which it is called, a password. */
export const maskedStatus = (status: Status): Status => ({
  ...status,
  command: maskedCommand(status.command),
  health: status.health.map(row => ({ ...row, name: redact(row.name, []), detail: redact(row.detail, []) })),
  holdReason: status.holdReason === null ? null : redact(status.holdReason, []),
});
