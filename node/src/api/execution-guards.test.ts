import { buildSchema, type ExecutionResult } from 'graphql';
import { createYoga } from 'graphql-yoga';
import { describe, expect, it } from 'vitest';
import { createLogger } from '../telemetry/logger.ts';
import { createErrorMask } from './api-error.ts';
import { EXECUTION_GUARDS, executionGuards } from './execution-guards.ts';
import { publicExecution } from './public-execution.ts';

const schema = buildSchema('type Query { slow: Int }');

describe('the time of a query', () => {
  it('is bounded whatever executes it', async () => {
    const guards = executionGuards({ ...EXECUTION_GUARDS, maxQueryMs: 20 });
    const execution = () =>
      new Promise<ExecutionResult>((resolve) => {
        setTimeout(() => resolve({ data: { slow: 1 } }), 500);
      });
    const maskError = createErrorMask(createLogger('test', 'silent'));
    const yoga = createYoga({
      ...{ schema, logging: false },
      plugins: [guards.plugin, publicExecution({ schema, maskError, execution }), guards.timing],
    });
    const answer = await yoga.fetch('http://localhost/graphql', {
      ...{ method: 'POST', body: '{"query":"{ slow }"}' },
      headers: { 'content-type': 'application/json' },
    });
    expect(await answer.text()).toContain('OPERATION_TIMEOUT');
  });
});
