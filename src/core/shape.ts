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
export function faultOf(shape: Shape, value: unknown, where = ''): string | null {
  const at = where === '' ? 'the file' : where;
  if (typeof shape === 'string') {
    const right = shape === 'number' ? Number.isFinite(value) : typeof value === shape;
    return right ? null : `${at} is no ${shape}`;
  }
  if ('nullable' in shape) return value === null ? null : faultOf(shape.nullable, value, where);
  if ('is' in shape) return shape.is(value) ? null : `${at} is not ${shape.what}`;
  if ('oneOf' in shape)
    return shape.oneOf.includes(value as string) ? null : `${at} is none of ${shape.oneOf.join(', ')}`;
  if ('list' in shape) {
    if (!Array.isArray(value)) return `${at} is no list`;
    return firstFault(value.map((item, index) => faultOf(shape.list, item, `${where}[${index}]`)));
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return `${at} is no object`;
  const fields = value as Record<string, unknown>;
  const wanted = 'object' in shape ? shape.object : ownOf(shape.kinds, fields['kind']);
  if (wanted === undefined) return `${at} is of no known kind`;
  return firstFault(
    Object.entries(wanted).map(([name, inner]) =>
      faultOf(inner, fields[name], where === '' ? name : `${where}.${name}`),
    ),
  );
}

function ownOf<T>(table: Readonly<Record<string, T>>, key: unknown): T | undefined {
  return typeof key === 'string' && Object.hasOwn(table, key) ? table[key] : undefined;
}

function firstFault(faults: (string | null)[]): string | null {
  return faults.find(fault => fault !== null) ?? null;
}
