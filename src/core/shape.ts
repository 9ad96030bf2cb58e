/**
 * Checks values from outside (files, requests, answers) against a form: the one way in which the project does it. Small,
 * since it is on the start path, where a schema library's load time would be start time.
 */
export type Shape =
  | 'string'
  /** A finite one. */
  | 'number'
  | 'integer'
  | 'boolean'
  /** Further fields are allowed. */
  | { readonly object: Readonly<Record<string, Shape>> }
  | { readonly list: Shape }
  /** An object whose keys are data. */
  | { readonly map: Shape }
  | { readonly nullable: Shape }
  | { readonly either: readonly Shape[] }
  | { readonly oneOf: readonly (string | number)[] }
  /** Objects told apart by their field `kind`. */
  | { readonly kinds: Readonly<Record<string, Readonly<Record<string, Shape>>>> }
  | { readonly is: (value: unknown) => boolean; readonly what: string };

/** The type of the values that have a shape; what `is` looks at is unknown unless it is a type guard. */
export type Shaped<S> = Shape extends S
  ? unknown
  : S extends 'string'
    ? string
    : S extends 'number' | 'integer'
      ? number
      : S extends 'boolean'
        ? boolean
        : S extends { readonly object: infer Fields }
          ? { -readonly [Name in keyof Fields]: Shaped<Fields[Name]> }
          : S extends { readonly list: infer Inner }
            ? Shaped<Inner>[]
            : S extends { readonly map: infer Inner }
              ? Record<string, Shaped<Inner>>
              : S extends { readonly nullable: infer Inner }
                ? Shaped<Inner> | null
                : S extends { readonly either: readonly (infer Inner)[] }
                  ? Shaped<Inner>
                  : S extends { readonly oneOf: readonly (infer Choice)[] }
                    ? Choice
                    : S extends { readonly is: (value: unknown) => value is infer Guarded }
                      ? Guarded
                      : unknown;

/** Whether the value has the shape. */
export function fits<const S extends Shape>(shape: S, value: unknown): value is Shaped<S> {
  return misfit(shape, value) === null;
}

/** What a JSON text holds, if it has the shape; null for no text, no JSON, and anything else. */
export function parseShaped<const S extends Shape>(shape: S, text: string | null): Shaped<S> | null {
  const value = parseJson(text);
  return fits(shape, value) ? value : null;
}

/** What a JSON text holds; undefined where it is none. */
export function parseJson(text: string | null): unknown {
  try {
    return text === null ? undefined : JSON.parse(text);
  } catch {
    // Cut off by a full disk, or written by another program: the caller goes on without it.
    return undefined;
  }
}

/** Whether it is an object with named fields: no list, not null. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An object's fields; of anything else, none. */
export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return isRecord(value) ? value : {};
}

/** A whole number above 0, such as a pid. */
export const positive = {
  is: (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0,
  what: 'a whole number above 0',
} as const;

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
    const right =
      shape === 'integer'
        ? Number.isSafeInteger(value)
        : shape === 'number'
          ? Number.isFinite(value)
          : typeof value === shape;
    return right ? null : here(`is no ${shape}`);
  }
  if ('nullable' in shape) return value === null ? null : misfit(shape.nullable, value);
  if ('is' in shape) return shape.is(value) ? null : here(`is not ${shape.what}`);
  if ('oneOf' in shape)
    return shape.oneOf.includes(value as string | number) ? null : here(`is not one of ${shape.oneOf.join(', ')}`);
  if ('either' in shape)
    return shape.either.some(one => misfit(one, value) === null) ? null : here('has no valid form');
  if ('list' in shape) return Array.isArray(value) ? misfitInList(shape.list, value) : here('is not a list');
  if (!isRecord(value)) return here('is not an object');
  if ('map' in shape) return misfitInList(shape.map, Object.values(value));
  const wanted = 'object' in shape ? shape.object : ownOf(shape.kinds, value['kind']);
  return wanted === undefined ? here('is of an unknown kind') : misfitInFields(wanted, value);
}

const here = (what: string): Misfit => ({ path: '', what });

function misfitInList(inner: Shape, list: readonly unknown[]): Misfit | null {
  for (let index = 0; index < list.length; index++) {
    const fault = misfit(inner, list[index]);
    if (fault !== null) return { ...fault, path: `[${index}]${fault.path}` };
  }
  return null;
}

function misfitInFields(
  wanted: Readonly<Record<string, Shape>>,
  fields: Readonly<Record<string, unknown>>,
): Misfit | null {
  for (const name in wanted) {
    const fault = misfit(wanted[name]!, fields[name]);
    if (fault !== null) return { ...fault, path: `.${name}${fault.path}` };
  }
  return null;
}

function ownOf<T>(table: Readonly<Record<string, T>>, key: unknown): T | undefined {
  return typeof key === 'string' && Object.hasOwn(table, key) ? table[key] : undefined;
}
