import { MARKET_PARTS } from '@stoa/schema';
import { getIntrospectionQuery, parse } from 'graphql';
import { describe, expect, it } from 'vitest';
import { findOversize, OPERATION_LIMITS } from './operation-limits.ts';
import { buildStoaSchema } from './subgraph-schema.ts';

const schema = buildStoaSchema(MARKET_PARTS, []);
const oversize = (source: string) => findOversize(schema, parse(source), OPERATION_LIMITS);

describe('the limits of an operation', () => {
  it('let an honest screenful and introspection through', () => {
    expect(
      oversize(`query {
        instruments { symbol listings { venue { id quotes } status } book { cbbo { bid { price } } } }
      }`),
    ).toBeUndefined();
    expect(oversize(getIntrospectionQuery())).toBeUndefined();
  });

  it('refuse what is deep, through fragments too', () => {
    const source =
      '{ instruments { ...A } } fragment A on Instrument { book { ... { cbbo { bid { price } } } } }';
    expect(findOversize(schema, parse(source), { ...OPERATION_LIMITS, maxDepth: 5 })).toBe(
      undefined,
    );
    expect(findOversize(schema, parse(source), { ...OPERATION_LIMITS, maxDepth: 4 })).toBe(
      'it is deeper than 4 fields',
    );
  });

  it('count every field that fragments multiply', () => {
    const fragments = Array.from(
      { length: 8 },
      (_, index) =>
        `fragment F${index} on Query { a${index}: venues { id } ${index === 7 ? '' : `...F${index + 1} ...F${index + 1} ...F${index + 1}`} }`,
    );
    expect(oversize(`{ ...F0 } ${fragments.join(' ')}`)).toMatch(/more than/);
  });

  it('refuse many aliases', () => {
    const aliases = Array.from({ length: 31 }, (_, index) => `a${index}: id`);
    expect(oversize(`{ venues { ${aliases.join(' ')} } }`)).toContain('30 aliases');
  });

  it('refuse many fields at the top, many directives, and fragments that multiply without a field', () => {
    const fields = Array.from({ length: 21 }, () => 'venues { id }');
    expect(oversize(`{ ${fields.join(' ')} }`)).toContain('20 fields at the top');
    const skips = Array.from({ length: 51 }, () => '@skip(if: false)');
    expect(oversize(`{ venues { id ${skips.join(' ')} } }`)).toContain('50 directives');
    const bombs = Array.from(
      { length: 60 },
      (_, index) => `fragment F${index} on Query { ...F${index + 1} ...F${index + 1} }`,
    );
    expect(oversize(`{ ...F0 } ${bombs.join(' ')}`)).toContain('too many fragments');
  });

  it('refuse a list within itself', () => {
    expect(oversize('{ venues { listings { instrument { listings { status } } } } }')).toBe(
      undefined,
    );
    expect(
      oversize(
        '{ venues { listings { instrument { listings { venue { listings { status } } } } } } }',
      ),
    ).toContain('Venue.listings is selected within itself');
  });

  it('end on a circle of fragments', () => {
    expect(oversize('{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }')).toBe(
      undefined,
    );
  });
});
