import { MARKET_PARTS, NODE_PARTS } from '@stoa/schema';
import { buildSchema, parse } from 'graphql';
import { describe, expect, it } from 'vitest';
import { composeSupergraph, SUBGRAPHS } from './supergraph.ts';

describe('the supergraph', () => {
  it('composes from the SDL, and is the same every time', () => {
    const sdl = composeSupergraph();
    expect(sdl).toBe(composeSupergraph());
    expect(() => buildSchema(sdl, { assumeValidSDL: true })).not.toThrow();
  });

  it('holds every part of the SDL exactly once', () => {
    const parts = Object.values(SUBGRAPHS).flat();
    expect([...parts].sort()).toEqual([...MARKET_PARTS, ...NODE_PARTS].sort());
  });

  it('has one owner for every field, so that no answer depends on the plan', () => {
    const owners = parse(composeSupergraph()).definitions.flatMap((definition) =>
      definition.kind === 'ObjectTypeDefinition'
        ? (definition.fields ?? []).flatMap((field) => {
            const graphs = field.directives?.filter(({ name }) => name.value === 'join__field');
            return graphs && graphs.length > 1
              ? [`${definition.name.value}.${field.name.value}`]
              : [];
          })
        : [],
    );
    expect(owners).toEqual([]);
  });

  it('says what does not compose', () => {
    expect(() => composeSupergraph({ venue: ['settlement'] })).toThrow(
      expect.objectContaining({ code: 'SUPERGRAPH_INVALID' }),
    );
  });
});
