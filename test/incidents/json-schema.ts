/** As much of JSON Schema as our schemas use: returns what does not fit, with its path. Unknown keywords are an error. */
type Schema = { readonly [keyword: string]: unknown };

const known = new Set([
  '$schema',
  '$ref',
  '$defs',
  'title',
  'description',
  'type',
  'enum',
  'anyOf',
  'items',
  'properties',
  'required',
  'additionalProperties',
  'pattern',
  'minLength',
  'minimum',
  'maximum',
]); // prettier-ignore

export const misfits = (root: Schema, value: unknown): string[] => check(root, root, value, '$');

const check = (root: Schema, schema: Schema, value: unknown, path: string): string[] => {
  const unknown = Object.keys(schema).filter(keyword => !known.has(keyword));
  if (unknown.length > 0) return [`${path}: the schema uses ${unknown.join()}`];
  if (typeof schema['$ref'] === 'string') return check(root, resolve(root, schema['$ref']), value, path);
  const options = schema['anyOf'] as Schema[] | undefined;
  if (options !== undefined && !options.some(option => check(root, option, value, path).length === 0))
    return [`${path}: fits none of anyOf: ${JSON.stringify(value)}`];
  return [...scalar(schema, value, path), ...list(root, schema, value, path), ...object(root, schema, value, path)];
};

const resolve = (root: Schema, reference: string): Schema =>
  reference
    .slice(2)
    .split('/')
    .reduce<Schema>((schema, key) => (key === '' ? schema : (schema[key] as Schema)), root);

const typeOf = (value: unknown): string[] => {
  if (value === null) return ['null'];
  if (Array.isArray(value)) return ['array'];
  return Number.isInteger(value) ? ['integer', 'number'] : [typeof value];
};

const scalar = (schema: Schema, value: unknown, path: string): string[] => {
  const types = schema['type'] === undefined ? null : [schema['type']].flat();
  const faults: string[] = [];
  if (types !== null && !typeOf(value).some(type => types.includes(type)))
    faults.push(`${path}: is no ${types.join(' or ')}`);
  const allowed = schema['enum'] as unknown[] | undefined;
  if (allowed !== undefined && !allowed.includes(value))
    faults.push(`${path}: ${JSON.stringify(value)} is not in the list`);
  if (
    typeof value === 'string' &&
    typeof schema['pattern'] === 'string' &&
    !new RegExp(schema['pattern'], 'u').test(value)
  )
    faults.push(`${path}: ${JSON.stringify(value)} does not match ${schema['pattern']}`);
  if (typeof value === 'string' && value.length < Number(schema['minLength'] ?? 0)) faults.push(`${path}: too short`);
  if (
    typeof value === 'number' &&
    (value < Number(schema['minimum'] ?? value) || value > Number(schema['maximum'] ?? value))
  )
    faults.push(`${path}: ${value} is out of bounds`);
  return faults;
};

const list = (root: Schema, schema: Schema, value: unknown, path: string): string[] =>
  Array.isArray(value) && schema['items'] !== undefined
    ? value.flatMap((item, index) => check(root, schema['items'] as Schema, item, `${path}[${index}]`))
    : [];

const object = (root: Schema, schema: Schema, value: unknown, path: string): string[] => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
  const properties = (schema['properties'] ?? {}) as Record<string, Schema>;
  const missing = ((schema['required'] ?? []) as string[])
    .filter(name => !(name in value))
    .map(name => `${path}: no ${name}`);
  const inner = Object.entries(value).flatMap(([name, one]) => {
    const own = properties[name];
    if (own !== undefined) return check(root, own, one, `${path}.${name}`);
    return schema['additionalProperties'] === false ? [`${path}: ${name} is not known`] : [];
  });
  return [...missing, ...inner];
};
