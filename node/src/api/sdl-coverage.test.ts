import {
  defaultFieldResolver,
  GraphQLError,
  type GraphQLInterfaceType,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  graphql,
  isObjectType,
  parse,
  subscribe,
} from 'graphql';
import { describe, expect, it, vi } from 'vitest';
import { ACME } from './testing/sample-market.ts';
import {
  ARGUMENTS,
  createSampleSchema,
  ownFields,
  sampleCaller,
  selectAll,
} from './testing/sample-schema.ts';

function objectTypes(schema: GraphQLSchema): GraphQLObjectType[] {
  return Object.values(schema.getTypeMap())
    .filter(isObjectType)
    .filter(({ name }) => !name.startsWith('_'));
}

/** Notes every field that gave a value (null is one; undefined is a field nobody resolves). */
function watchResolvers(schema: GraphQLSchema): Set<string> {
  const resolved = new Set<string>();
  for (const type of objectTypes(schema)) {
    for (const field of ownFields(type)) {
      const resolve = field.resolve ?? defaultFieldResolver;
      field.resolve = async (...args) => {
        const value: unknown = await resolve(...args);
        if (value !== undefined) resolved.add(`${type.name}.${field.name}`);
        return value;
      };
    }
  }
  return resolved;
}

describe('the SDL of a node', () => {
  const { schema, listings } = createSampleSchema();
  const contextValue = sampleCaller('broker', 'orders:read', 'orders:write');
  const operator = sampleCaller(
    'alpha',
    ...['orders:read', 'orders:write', 'settlement:operate', 'records:read'],
  );
  const issuer = sampleCaller(ACME.issuer, 'issuer:read');

  it('has a resolver or a matching property for every field', async () => {
    const resolved = watchResolvers(schema);
    await listings.start();
    await vi.waitFor(async () =>
      expect(await listings.store.latest(ACME.issuer)).toBeGreaterThan(0),
    );
    const operation = (name: string) => {
      const type = schema.getType(name);
      if (!type) throw new Error(`no ${name}`);
      return `${name.toLowerCase()} ${selectAll(schema, type, [])}`;
    };
    const refused = operation('Mutation').replace('quantity: "2"', 'quantity: "13"');
    const errors: unknown[] = [];
    const [queries, mutations] = [operation('Query'), operation('Mutation')];
    for (const [source, caller] of [
      [mutations, contextValue],
      [refused, contextValue],
      [queries, contextValue],
      [mutations, operator],
      [queries, operator],
      [queries, issuer],
    ] as const) {
      const answer = await graphql({ schema, source, contextValue: caller });
      errors.push(...(answer.errors ?? []));
    }
    // Other venues' nodes speak for themselves; nothing else may fail, a raw amount above all.
    expect(
      errors.filter((error) => !(error instanceof GraphQLError && error.extensions.code)),
    ).toEqual([]);
    const root = schema.getSubscriptionType();
    for (const { name, type } of Object.values(root?.getFields() ?? {})) {
      const caller = name === 'listingAlerts' ? issuer : contextValue;
      const field = `${name}${ARGUMENTS[`Subscription.${name}`] ?? ''}`;
      const selected = `subscription { ${field} ${selectAll(schema, getNamedType(type), [])} }`;
      const stream = await subscribe({ schema, document: parse(selected), contextValue: caller });
      if (!(Symbol.asyncIterator in stream)) throw new Error(JSON.stringify(stream));
      // The second of the order events is the first that tells of something.
      for (let item = 0; item < (name === 'orderEvents' ? 2 : 1); item += 1) await stream.next();
      await stream.return();
    }

    await listings.stop();
    // Kinds of refusal are alike, and have a test of their own.
    const kinds: readonly GraphQLObjectType[] = schema.getPossibleTypes(
      schema.getType('Refusal') as GraphQLInterfaceType,
    );
    const fields = objectTypes(schema)
      .filter((type) => !kinds.includes(type))
      .flatMap((type) => ownFields(type).map((field) => `${type.name}.${field.name}`));
    expect(fields.length).toBeGreaterThan(80);
    expect(fields.filter((field) => !resolved.has(field))).toEqual([]);
  });
});
