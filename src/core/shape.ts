/**
 * The little that is needed to check a value of a file against a form, on the start path, where a schema library's load
 * time would be start time.
 */
export type Shape =
  | 'string'
  | 'number'
  | 'boolean'
  | { object: Readonly<Record<string, Shape>> }
  | { list: Shape }
  | { nullable: Shape }
  | { oneOf: readonly string[] }
  /** Objects told apart by their field `kind`. */
  | { kinds: Readonly<Record<string, Readonly<Record<string, Shape>>>> }
  | { is: (value: unknown) => boolean; what: string };

/** Null if the value has the shape, else one phrase that says where it has not. */
export function faultOf(shape: Shape, value: unknown): string | null {
  const fault = misfit(shape, value);
  return fault === null ? null : `${fault.path === '' ? 'the file' : fault.path.replace(/^\./, '')} ${fault.what}`;
}

/** Where a value has not its shape. The path is put together only once there is a fault, from the inside out. */
interface Misfit {
  path: string;
  what: string;
}

function misfit(shape: Shape, value: unknown): Misfit | null {
  if (typeof shape === 'string') {
    const right = shape === 'number' ? Number.isFinite(value) : typeof value === shape;
    return right ? null : here(`is no ${shape}`);
  }
  if ('nullable' in shape) return value === null ? null : misfit(shape.nullable, value);
  if ('is' in shape) return shape.is(value) ? null : here(`is not ${shape.what}`);
  if ('oneOf' in shape)
    return shape.oneOf.includes(value as string) ? null : here(`is none of ${shape.oneOf.join(', ')}`);
  if ('list' in shape) return Array.isArray(value) ? misfitInList(shape.list, value) : here('is no list');
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return here('is no object');
  const fields = value as Record<string, unknown>;
  const wanted = 'object' in shape ? shape.object : ownOf(shape.kinds, fields['kind']);
  return wanted === undefined ? here('is of no known kind') : misfitInFields(wanted, fields);
}

const here = (what: string): Misfit => ({ path: '', what });

function misfitInList(inner: Shape, list: readonly unknown[]): Misfit | null {
  for (let index = 0; index < list.length; index++) {
    const fault = misfit(inner, list[index]);
    if (fault !== null) return { ...fault, path: `[${index}]${fault.path}` };
  }
  return null;
}

function misfitInFields(wanted: Readonly<Record<string, Shape>>, fields: Record<string, unknown>): Misfit | null {
  for (const name in wanted) {
    const fault = misfit(wanted[name]!, fields[name]);
    if (fault !== null) return { ...fault, path: `.${name}${fault.path}` };
  }
  return null;
}

function ownOf<T>(table: Readonly<Record<string, T>>, key: unknown): T | undefined {
  return typeof key === 'string' && Object.hasOwn(table, key) ? table[key] : undefined;
}
