import { buildStoaSchema } from '@stoa/node/market-api';
import { MARKET_PARTS, NODE_PARTS } from '@stoa/schema';
import { parse, validate } from 'graphql';
import { describe, expect, it } from 'vitest';
import { exampleTabs } from './graphiql.ts';
import { sampleDirectory } from './testing/sample-view.ts';

describe('the examples in GraphiQL', () => {
  const schema = buildStoaSchema([...MARKET_PARTS, ...NODE_PARTS], []);

  it.each(exampleTabs(sampleDirectory.current()).map(({ query, variables }) => [query, variables]))(
    'are sound: %s',
    (query, variables) => {
      expect(validate(schema, parse(query ?? ''))).toEqual([]);
      // Each variable that an example gives is one that it uses.
      for (const name of Object.keys(JSON.parse(variables ?? '{}') as object)) {
        expect(query).toContain(`$${name}:`);
      }
    },
  );
});
