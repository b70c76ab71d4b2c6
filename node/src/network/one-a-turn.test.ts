import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { OneATurn } from './one-a-turn.ts';

const message = (name: number, length = 1): Uint8Array => new Uint8Array(length).fill(name);

function start() {
  const taken: number[] = [];
  return { taken, turns: new OneATurn((one) => taken.push(one[0] ?? 0)) };
}

it('takes the first at once, and what came with it in the turns after', async () => {
  const { taken, turns } = start();
  for (const name of [1, 2, 3]) turns.offer(message(name));
  expect(taken).toEqual([1]);
  await turn();
  expect(taken).toEqual([1, 2]);
  // What comes meanwhile is behind what waits.
  turns.offer(message(4));
  await turn();
  expect(taken).toEqual([1, 2, 3]);
  await turn();
  expect(taken).toEqual([1, 2, 3, 4]);
  await turn();
  turns.offer(message(5));
  expect(taken).toEqual([1, 2, 3, 4, 5]);
});

it('lets no more wait than 64 KiB', () => {
  const { taken, turns } = start();
  for (const name of [1, 2, 3, 4]) turns.offer(message(name, 30_000));
  expect(taken).toEqual([1, 2]);
  turns.offer(message(5, 65_536));
  expect(taken).toEqual([1, 2, 3, 4]);
});

it('takes all at once when nothing more will come', async () => {
  const { taken, turns } = start();
  for (const name of [1, 2, 3]) turns.offer(message(name));
  turns.flush();
  expect(taken).toEqual([1, 2, 3]);
  await turn();
  expect(taken).toEqual([1, 2, 3]);
});
