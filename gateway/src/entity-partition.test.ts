import { parse } from 'graphql';
import { describe, expect, it } from 'vitest';
import { entityFields, entityParts, mergeEntities } from './entity-partition.ts';

const document = parse(`query ($a: [_Any!]!, $b: [_Any!]!) {
  one: _entities(representations: $a) { ... on Venue { __typename node { version } } }
  two: _entities(representations: $b) { ... on Venue { status: node { framesPublished } } }
}`);
const venue = (id: string) => ({ __typename: 'Venue', id });
const variables = { a: [venue('x'), venue('y'), venue('x')], b: [venue('y')] };
const fields = entityFields(document);

describe('cutting an operation by venue', () => {
  it('gives each owner its own entities, under every alias', () => {
    expect(fields).toEqual([
      { key: 'one', variable: 'a', asked: ['node'] },
      { key: 'two', variable: 'b', asked: ['status'] },
    ]);
    expect(entityParts(fields, variables, ({ id }) => String(id))).toEqual([
      {
        owner: 'x',
        variables: { a: [venue('x'), venue('x')], b: [] },
        positions: { a: [0, 2], b: [] },
      },
      {
        owner: 'y',
        variables: { a: [venue('y')], b: [venue('y')] },
        positions: { a: [1], b: [0] },
      },
    ]);
  });

  it('puts answers and errors back where they belong', () => {
    const [x, y] = entityParts(fields, variables, ({ id }) => String(id));
    if (!x || !y) throw new Error('two parts');
    const merged = mergeEntities(
      fields,
      variables,
      [
        {
          part: x,
          result: {
            data: { one: [{ node: 1 }, null], two: [] },
            errors: [{ message: 'odd', path: ['one', 1, 'node'] }],
          },
        },
        { part: y, failure: 'down' },
      ],
      (owner, failure) => ({ message: `${owner} ${failure}`, extensions: { venue: owner } }),
    );
    expect(merged).toEqual({
      data: { one: [{ node: 1 }, { node: null }, null], two: [{ status: null }] },
      errors: [
        { message: 'y down', path: ['one', 1, 'node'], extensions: { venue: 'y' } },
        { message: 'y down', path: ['two', 0, 'status'], extensions: { venue: 'y' } },
        { message: 'odd', path: ['one', 2, 'node'] },
      ],
    });
  });
});
