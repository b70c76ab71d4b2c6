import { MARKET_PARTS, NODE_PARTS } from '@stoa/schema';
import { buildSchema, graphql, isObjectType } from 'graphql';
import { describe, expect, it } from 'vitest';
import type { Verification } from '../access/verification.ts';
import { enforceAccess } from './access-enforcement.ts';
import { readFieldPolicies } from './field-policies.ts';
import { buildStoaSchema } from './subgraph-schema.ts';

const ACCESS = `directive @access(scopes: [String!]!, owner: String! = "any", proof: Boolean! = false)
  on OBJECT | FIELD_DEFINITION`;

const sdl = (fields: string) => buildSchema(`${ACCESS} type Query { ${fields} }`);

function caller(...scopes: string[]): Verification {
  return {
    kind: 'caller',
    caller: { member: 'broker', home: 'alpha', scopes: new Set(scopes) },
    expiresAtMs: Date.now() + 60_000,
    ...{ subject: 'desk', client: 'test', holding: 'bearer' },
  };
}

describe('the policies of fields', () => {
  const policies = readFieldPolicies(buildStoaSchema([...MARKET_PARTS, ...NODE_PARTS], []));

  it('stand at every field of the SDL', () => {
    const schema = buildStoaSchema([...MARKET_PARTS, ...NODE_PARTS], []);
    const fields = Object.values(schema.getTypeMap())
      .filter(isObjectType)
      .filter(({ name }) => !name.startsWith('_'))
      .flatMap((type) => Object.keys(type.getFields()).map((field) => `${type.name}.${field}`))
      .filter((name) => !name.includes('._'));
    expect(fields.length).toBeGreaterThan(200);
    expect(fields.filter((name) => !policies.has(name))).toEqual([]);
  });

  it('let nobody act without a proof of possession', () => {
    const acting = [...policies].filter(([name]) => name.startsWith('Mutation.'));
    expect(acting.length).toBeGreaterThanOrEqual(5);
    expect(acting.filter(([, { proof, isPublic }]) => !proof || isPublic)).toEqual([]);
    expect(policies.get('Subscription.orderEvents')).toMatchObject({ proof: true });
  });

  it('give what is of orders, settlements and holders to nobody who has no scope for it', () => {
    const privately = /^(Order|Leg|OrderLeg|Execution|Settlement|Receipt|Fade|CapTable|Queued)/;
    const open = [...policies].filter(([name, { isPublic }]) => isPublic && privately.test(name));
    expect(open).toEqual([]);
  });

  it.each([
    ['without one', 'open: Int @access(scopes: ["public"]) forgotten: Int'],
    ['with a misspelt scope', 'field: Int @access(scopes: ["order:read"])'],
    ['with no scope', 'field: Int @access(scopes: [])'],
    ['with an owner nobody knows', 'field: Int @access(scopes: ["public"], owner: "me")'],
  ])('are needed: a schema with a field %s is not served', (_what, fields) => {
    expect(() => enforceAccess(sdl(fields), 'alpha')).toThrow('@access');
  });

  it('are judged before the resolver runs, and denials are told', async () => {
    const schema = sdl(`
      orders: Int @access(scopes: ["orders:read"], owner: "caller")
      act: Int @access(scopes: ["orders:write"], proof: true)
      queue: Int @access(scopes: ["orders:read"], owner: "venue")
      open: Int @access(scopes: ["public"])`);
    const ran: string[] = [];
    const denied: string[] = [];
    for (const field of Object.values(schema.getQueryType()?.getFields() ?? {})) {
      field.resolve = () => {
        ran.push(field.name);
        return 1;
      };
    }
    enforceAccess(schema, 'alpha', (_context, field) => denied.push(field));
    const ask = async (auth: Verification) => {
      const source = '{ orders act queue open }';
      const answer = await graphql({ schema, source, contextValue: { auth } });
      return answer.errors?.map(({ path, extensions }) => [path?.[0], extensions.code]);
    };
    expect(await ask({ kind: 'anonymous' })).toEqual([
      ['orders', 'UNAUTHENTICATED'],
      ['act', 'UNAUTHENTICATED'],
      ['queue', 'UNAUTHENTICATED'],
    ]);
    expect(ran.splice(0)).toEqual(['open']);
    expect(denied.splice(0)).toEqual(['Query.orders', 'Query.act', 'Query.queue']);
    expect(await ask(caller('orders:read', 'orders:write'))).toEqual([
      ['act', 'PROOF_REQUIRED'],
      ['queue', 'FORBIDDEN'],
    ]);
    expect(ran.splice(0)).toEqual(['orders', 'open']);
    expect(await ask({ ...caller('orders:write'), holding: 'proven' } as Verification)).toEqual([
      ['orders', 'FORBIDDEN'],
      ['queue', 'FORBIDDEN'],
    ]);
    expect(ran.splice(0)).toEqual(['act', 'open']);
  });
});
