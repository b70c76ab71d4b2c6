import type { RequestSpec, Template } from './mapping.ts';

/** What is put into templates; what is undefined is left out, with its key. */
export type Variables = Readonly<Record<string, Template | readonly string[] | undefined>>;

/** A request as it goes out. */
export interface BuiltRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly body: string | undefined;
}

/** Puts variables into a request; undefined where one that its path needs is not known. */
export function buildRequest(spec: RequestSpec, variables: Variables): BuiltRequest | undefined {
  // A path without its order is another path, and may mean all orders.
  const needed = [...spec.path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
  if (needed.some((name) => textOf(variables[name]) === '')) return undefined;
  const path = spec.path.replaceAll(/\{(\w+)\}/g, (_all, name: string) =>
    encodeURIComponent(textOf(variables[name])),
  );
  const query = new URLSearchParams();
  for (const [name, text] of Object.entries(spec.query ?? {})) {
    const value = resolve(text, variables);
    if (value === undefined) continue;
    const many = Array.isArray(value.value) ? value.value : [value.value];
    if (value.form === 'joined') query.append(name, many.map(textOf).join(','));
    else for (const one of many) query.append(name, textOf(one));
  }
  return {
    method: spec.method,
    path: query.size > 0 ? `${path}?${query}` : path,
    body: spec.body === undefined ? undefined : jsonOf(spec.body, variables),
  };
}

/**
 * A template as JSON text. `"$quantity"` puts the variable in as it is; `"$quantity:number"` its digits
 * without quotation marks, so that no float is between the amount and the wire.
 */
export function jsonOf(template: Template, variables: Variables): string {
  return write(template, variables) ?? 'null';
}

function write(template: Template, variables: Variables): string | undefined {
  if (typeof template === 'string') {
    const value = resolve(template, variables);
    if (value === undefined) return undefined;
    if (value.form === 'number' && typeof value.value === 'string') {
      return /^-?\d+(\.\d+)?$/.test(value.value) ? value.value : JSON.stringify(value.value);
    }
    return JSON.stringify(value.value);
  }
  if (Array.isArray(template)) {
    return `[${template.map((one) => write(one, variables) ?? 'null').join(',')}]`;
  }
  if (typeof template !== 'object' || template === null) return JSON.stringify(template);
  const fields = Object.entries(template).flatMap(([name, one]) => {
    const text = write(one, variables);
    return text === undefined ? [] : [`${JSON.stringify(name)}:${text}`];
  });
  return `{${fields.join(',')}}`;
}

interface Resolved {
  readonly value: NonNullable<Variables[string]> | null;
  readonly form: string | undefined;
}

function resolve(text: string, variables: Variables): Resolved | undefined {
  const [, name, form] = /^\$(\w+)(?::(number|joined))?$/.exec(text) ?? [];
  if (name === undefined) return { value: text, form: undefined };
  const value = variables[name];
  return value === undefined ? undefined : { value, form };
}

/** A variable inside a longer text. */
export function textOf(value: Variables[string]): string {
  if (typeof value === 'string') return value;
  return value === undefined ? '' : JSON.stringify(value);
}
