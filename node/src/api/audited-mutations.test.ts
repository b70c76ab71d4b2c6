import { buildSchema, graphql } from 'graphql';
import { describe, expect, it } from 'vitest';
import type { AuditEntry } from '../records/audit/audit-record.ts';
import type { ApiContext } from './api-context.ts';
import { auditMutations } from './audited-mutations.ts';

/** A mutation that is accepted at once and answered when told, over a log that is slow. */
function slowMutation() {
  const answer = Promise.withResolvers<{ id: string }>();
  const durable = Promise.withResolvers<void>();
  const entries: AuditEntry[] = [];
  const schema = buildSchema(
    'type Query { a: Int } type Made { id: ID } type Mutation { make: Made }',
  );
  const { make } = schema.getMutationType()?.getFields() ?? {};
  if (!make) throw new Error('no mutation');
  make.resolve = (_root, _args, context: ApiContext) => {
    context.accept?.('alpha-1');
    return answer.promise;
  };
  const audit = {
    failure: () => undefined,
    mutation: async (entry: AuditEntry) => {
      entries.push(entry);
      await durable.promise;
    },
  };
  auditMutations(schema, audit, () => 1);
  let isAnswered = false;
  const contextValue = { auth: { kind: 'anonymous' } };
  const answered = graphql({ schema, source: 'mutation { make { id } }', contextValue });
  void answered.then(() => {
    isAnswered = true;
  });
  return { answer, durable, entries, answered, isAnswered: () => isAnswered };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('a mutation that is accepted before it is answered', () => {
  it('is recorded meanwhile, once, and answered when that is durable', async () => {
    const { answer, durable, entries, answered, isAnswered } = slowMutation();
    await turn();
    expect(entries).toMatchObject([{ outcome: 'accepted', target: 'alpha-1' }]);
    answer.resolve({ id: 'alpha-1' });
    await turn();
    expect(isAnswered()).toBe(false);
    durable.resolve();
    expect(await answered).toEqual({ data: { make: { id: 'alpha-1' } } });
    expect(entries).toHaveLength(1);
  });

  it('is recorded as failed too where no answer comes of it', async () => {
    const { answer, durable, entries, answered } = slowMutation();
    answer.reject(new Error('lost'));
    durable.resolve();
    expect((await answered).errors).toHaveLength(1);
    expect(entries.map(({ outcome }) => outcome)).toEqual(['accepted', 'failed']);
  });
});
