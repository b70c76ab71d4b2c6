import { type DefinitionNode, Kind, parse } from 'graphql';
import { describe, expect, it } from 'vitest';
import { MARKET_PARTS, NODE_PARTS, readSdl } from './sdl.ts';

const definitions = readSdl([...MARKET_PARTS, ...NODE_PARTS]).flatMap(
  (text) => parse(text).definitions,
);

const ROOTS = ['Query', 'Mutation', 'Subscription'];

interface Place {
  readonly name: string;
  readonly description: string | undefined;
}

/** Every type, field, argument, input field and enum value of a definition. */
function placesOf(definition: DefinitionNode): Place[] {
  if (!('name' in definition) || !definition.name) return [];
  const name = definition.name.value;
  const place = (path: string, node: { readonly description?: { readonly value: string } }) => ({
    name: path,
    description: node.description?.value,
  });
  const fields = 'fields' in definition ? (definition.fields ?? []) : [];
  const values = 'values' in definition ? (definition.values ?? []) : [];
  return [
    ...(ROOTS.includes(name) ? [] : [place(name, definition as never)]),
    ...fields.flatMap((field) => [
      place(`${name}.${field.name.value}`, field),
      ...('arguments' in field ? (field.arguments ?? []) : []).map((argument) =>
        place(`${name}.${field.name.value}(${argument.name.value})`, argument),
      ),
    ]),
    ...values.map((value) => place(`${name}.${value.name.value}`, value)),
  ];
}

describe('the SDL', () => {
  it('describes every type, field, argument and enum value', () => {
    const places = definitions.flatMap(placesOf);
    expect(places.length).toBeGreaterThan(600);
    // An entity stands in several parts, and is described in one of them.
    const described = new Set(
      places.flatMap(({ name, description }) => (description ? [name] : [])),
    );
    const silent = places.map(({ name }) => name).filter((name) => !described.has(name));
    expect([...new Set(silent)]).toEqual([]);
  });

  it('gives no two words for one place', () => {
    const words = new Map<string, Set<string>>();
    for (const { name, description } of definitions.flatMap(placesOf)) {
      if (description) words.set(name, (words.get(name) ?? new Set()).add(description));
    }
    const twice = [...words].filter(([, descriptions]) => descriptions.size > 1);
    // A part may say of an entity what holds within it.
    expect(twice.map(([name]) => name)).toEqual(['Venue']);
  });

  it('lets every kind of refusal stand wherever one can come', () => {
    const kinds = definitions.flatMap((definition) =>
      definition.kind === Kind.OBJECT_TYPE_DEFINITION &&
      definition.interfaces?.some(({ name }) => name.value === 'Refusal')
        ? [definition.name.value]
        : [],
    );
    expect(kinds).toContain('InvalidInput');
    const unions = definitions.flatMap((definition) =>
      definition.kind === Kind.UNION_TYPE_DEFINITION
        ? [
            {
              name: definition.name.value,
              members: definition.types?.map(({ name }) => name.value),
            },
          ]
        : [],
    );
    const refusing = unions.filter(({ members }) => members?.some((one) => kinds.includes(one)));
    expect(refusing.length).toBeGreaterThan(4);
    for (const { name, members } of refusing) {
      expect(members?.slice(-kinds.length), `of ${name}`).toEqual(kinds);
    }
  });
});
