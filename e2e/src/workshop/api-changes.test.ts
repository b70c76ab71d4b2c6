import { describe, expect, it } from 'vitest';
import { compareApi } from './api-changes.ts';

const today = '2027-03-01';
const published = `
  enum Side { BUY SELL SHORT @deprecated(reason: "Kept until 2027-02-28.") }
  type Order { id: ID! side(of: Int @deprecated(reason: "Kept until 2027-02-28.")): Side note: String
    old: Int @deprecated(reason: "Use note. Kept until 2027-02-28.")
    older: Int @deprecated(reason: "Use note. Kept until 2027-03-01.") }
  type Query { order(id: ID!): Order }`;

describe('the comparison of the API with what was published', () => {
  const compare = (from: string, to: string, declared = [] as { change: string; why: string }[]) =>
    compareApi(published, published.replace(from, to), declared, today);

  it('lets fields and types be added', () => {
    const changes = compare('type Query {', 'type New { a: Int } type Query { fresh: New ');
    expect(changes).toMatchObject({ undeclared: [], declared: [], surprising: [], undated: [] });
  });

  it.each([
    ['a field goes', 'note: String', '', 'Order.note was removed.'],
    ['a type changes', 'note: String', 'note: Int', 'Order.note changed type from String to Int.'],
    ['an argument goes', '(id: ID!)', '', 'Query.order arg id was removed.'],
    ['a value goes', 'SELL', '', 'SELL was removed from enum type Side.'],
    ['one is kept for less than announced', 'older', 'oldest', 'Order.older was removed.'],
    [
      'an argument comes to be needed',
      '(id: ID!)',
      '(id: ID!, of: ID!)',
      'A required arg of on Query.order was added.',
    ],
  ])('names what breaks where %s, and takes it as declared', (_what, from, to, change) => {
    expect(compare(from, to).undeclared).toEqual([change]);
    const declared = compare(from, to, [{ change, why: 'It has to be.' }]);
    expect(declared).toMatchObject({ undeclared: [], declared: [change] });
  });

  it('lets go what was deprecated until a day that is over', () => {
    const gone = [
      compare('old: Int @deprecated(reason: "Use note. Kept until 2027-02-28.")', ''),
      compare('SHORT @deprecated(reason: "Kept until 2027-02-28.")', ''),
      compare('(of: Int @deprecated(reason: "Kept until 2027-02-28."))', ''),
    ];
    expect(gone.flatMap(({ undeclared }) => undeclared)).toEqual([]);
    expect(gone.flatMap(({ declared }) => declared)).toEqual([
      'Order.old was removed.',
      'SHORT was removed from enum type Side.',
      'Order.side arg of was removed.',
    ]);
  });

  it('asks for the day until which a deprecated field is kept, and says what may surprise', () => {
    const undated = compare('note: String', 'note: String @deprecated(reason: "No longer.")');
    expect(undated.undated).toEqual(['Order.note']);
    expect(compare('SELL', 'SELL CROSS').surprising).toEqual([
      'CROSS was added to enum type Side.',
    ]);
  });

  it('names whatever is not described', () => {
    const sdl = `"One." enum E { "Two." A B }
      "Three." type T { "Four." a("Five." b: Int, c: Int): E d: Int }
      input I { e: Int } type Query { "Six." t(i: I): T }`;
    expect(compareApi(sdl, sdl, [], today).undescribed).toEqual([
      ...['E.B', 'T.a(c)', 'T.d', 'I', 'I.e', 'Query.t(i)'],
    ]);
  });
});
