import { type DocumentNode, Kind } from 'graphql';
import type { NodeError, NodeResult } from './node-client.ts';
import { fieldsOf, responseKey, rootFields } from './selection.ts';

/** What the engine knows of an entity: its type and key. */
export type Representation = Readonly<Record<string, unknown>>;

/** One `_entities` field of an operation: plans can hold several, under aliases. */
export interface EntityField {
  readonly key: string;
  readonly variable: string;
  /** What is asked of each entity, by its name in the answer. */
  readonly asked: readonly string[];
}

/** The part of an operation that one owner answers. */
export interface EntityPart {
  readonly owner: string;
  /** The owner's own representations, by variable. */
  readonly variables: Readonly<Record<string, readonly Representation[]>>;
  /** Where each of them stands in the whole list, by variable. */
  readonly positions: Readonly<Record<string, readonly number[]>>;
}

/** What came of one part. */
export type PartOutcome<Failure> =
  | { readonly part: EntityPart; readonly result: NodeResult }
  | { readonly part: EntityPart; readonly failure: Failure };

/** The `_entities` fields of an operation of the query plan. */
export function entityFields(document: DocumentNode): EntityField[] {
  return rootFields(document).flatMap((field) => {
    const argument = field.arguments?.find(({ name }) => name.value === 'representations')?.value;
    if (field.name.value !== '_entities' || argument?.kind !== Kind.VARIABLE) return [];
    const asked = fieldsOf(field.selectionSet).map(responseKey);
    return [
      {
        key: responseKey(field),
        variable: argument.name.value,
        asked: [...new Set(asked)].filter((name) => name !== '__typename'),
      },
    ];
  });
}

function representationsOf(
  variables: Readonly<Record<string, unknown>>,
  variable: string,
): readonly Representation[] {
  const list = variables[variable];
  return Array.isArray(list) ? (list as Representation[]) : [];
}

/** Cuts an operation by who owns its entities. */
export function entityParts(
  fields: readonly EntityField[],
  variables: Readonly<Record<string, unknown>>,
  ownerOf: (representation: Representation) => string,
): EntityPart[] {
  const names = [...new Set(fields.map(({ variable }) => variable))];
  const parts = new Map<string, Record<'variables' | 'positions', Record<string, unknown[]>>>();
  const empty = () => Object.fromEntries(names.map((name) => [name, []]));
  for (const name of names) {
    representationsOf(variables, name).forEach((representation, position) => {
      const owner = ownerOf(representation);
      const part = parts.get(owner) ?? { variables: empty(), positions: empty() };
      parts.set(owner, part);
      part.variables[name]?.push(representation);
      part.positions[name]?.push(position);
    });
  }
  return [...parts].map(([owner, part]) => ({ owner, ...part }) as EntityPart);
}

/**
 * Puts the parts' answers back together. What an owner did not answer is null, field by field, each
 * with an error at its place: the engine then reports where in the caller's own operation it was.
 */
export function mergeEntities<Failure>(
  fields: readonly EntityField[],
  variables: Readonly<Record<string, unknown>>,
  outcomes: readonly PartOutcome<Failure>[],
  errorOf: (owner: string, failure: Failure) => NodeError,
): { readonly data: Record<string, unknown[]>; readonly errors: NodeError[] } {
  const data: Record<string, unknown[]> = {};
  const errors: NodeError[] = [];
  for (const field of fields) {
    const merged: unknown[] = representationsOf(variables, field.variable).map(() => null);
    data[field.key] = merged;
    for (const outcome of outcomes) {
      const positions = outcome.part.positions[field.variable] ?? [];
      if ('failure' in outcome) {
        for (const position of positions) {
          merged[position] = Object.fromEntries(field.asked.map((name) => [name, null]));
          for (const name of field.asked) {
            const { message, extensions } = errorOf(outcome.part.owner, outcome.failure);
            errors.push({
              message,
              path: [field.key, position, name],
              ...(extensions ? { extensions } : {}),
            });
          }
        }
      } else {
        const entities = outcome.result.data?.[field.key];
        positions.forEach((position, index) => {
          merged[position] = Array.isArray(entities) ? (entities[index] ?? null) : null;
        });
      }
    }
  }
  for (const outcome of outcomes) {
    if ('result' in outcome) errors.push(...placedErrors(fields, outcome.part, outcome.result));
  }
  return { data, errors };
}

/** A part's own errors, with its positions turned into those of the whole list. */
function placedErrors(
  fields: readonly EntityField[],
  part: EntityPart,
  result: NodeResult,
): NodeError[] {
  return (result.errors ?? []).map((error) => {
    const [key, index, ...rest] = error.path ?? [];
    const field = fields.find((one) => one.key === key);
    const position =
      field && typeof index === 'number' ? part.positions[field.variable]?.[index] : undefined;
    if (field === undefined || position === undefined) return error;
    return { ...error, path: [field.key, position, ...rest] };
  });
}
