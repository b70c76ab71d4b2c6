import { buildSchema } from 'graphql';
import { createYoga } from 'graphql-yoga';
import { describe, expect, it } from 'vitest';
import { createLogger } from '../telemetry/logger.ts';
import { createErrorMask } from './api-error.ts';
import { publicExecution } from './public-execution.ts';

const whole = buildSchema('type Query { price: Int orders: Int }');
const market = buildSchema('type Query { price: Int }');

describe('what is executed on the public schema', () => {
  it.each([
    ['{ price }', 'elsewhere'],
    ['{ orders }', 'here'],
    ['{ __schema { queryType { fields { name } } } }', 'here'],
    ['{ ... { __type(name: "Query") { fields { name } } } }', 'here'],
    ['{ ...F } fragment F on Query { ... { __schema { queryType { name } } } }', 'here'],
  ])('is what asks for its fields alone, and never for the schema: %s', async (query, where) => {
    let executed = 'here';
    const maskError = createErrorMask(createLogger('test', 'silent'));
    const execution = () => {
      executed = 'elsewhere';
      return { data: {} };
    };
    const yoga = createYoga({
      ...{ schema: whole, logging: false },
      plugins: [publicExecution({ schema: market, maskError, execution })],
    });
    await yoga.fetch('http://localhost/graphql', {
      ...{ method: 'POST', body: JSON.stringify({ query }) },
      headers: { 'content-type': 'application/json' },
    });
    expect(executed).toBe(where);
  });
});
