import type { ASTNode } from '@marcbachmann/cel-js';

const macros = new Set(['all', 'exists', 'exists_one', 'map', 'filter']);

/** The dotted names that an expression needs, each once, in order. */
export function namesOf(root: ASTNode): string[] {
  const names = new Set<string>();
  visit(root, new Set(), names);
  return [...names];
}

function visit(node: unknown, bound: ReadonlySet<string>, names: Set<string>): void {
  if (Array.isArray(node)) {
    for (const part of node) visit(part, bound, names);
    return;
  }
  if (typeof node !== 'object' || node === null || !('op' in node) || !('args' in node)) return;
  const path = pathOf(node);
  if (path !== null) {
    if (!bound.has(path.split('.', 1)[0]!)) names.add(path);
    return;
  }
  const { op, args } = node as { op: string; args: unknown };
  // has(a.b) asks whether it is there: it needs none.
  if (op === 'call' && Array.isArray(args) && args[0] === 'has') return;
  if (op === 'rcall' && Array.isArray(args) && macros.has(String(args[0]))) {
    const inner = args[2] as unknown[];
    const variable = pathOf(inner[0]);
    visit(args[1], bound, names);
    return visit(inner.slice(1), variable === null ? bound : new Set([...bound, variable]), names);
  }
  visit(args, bound, names);
}

/** `a.b.c` of a name and its fields; null for anything else. */
function pathOf(node: unknown): string | null {
  if (typeof node !== 'object' || node === null || !('op' in node) || !('args' in node)) return null;
  const { op, args } = node as { op: string; args: unknown };
  if (op === 'id') return String(args);
  if (op !== '.' || !Array.isArray(args) || typeof args[1] !== 'string') return null;
  const before = pathOf(args[0]);
  return before === null ? null : `${before}.${args[1]}`;
}
