import { expect, it } from 'vitest';
import { together } from './together.ts';

it('answers what each step does, in their order', async () => {
  const late = new Promise<string>((resolve) => setTimeout(() => resolve('late'), 5));
  expect(await together(late, 7, undefined)).toEqual(['late', 7, undefined]);
});

it('fails only when every step has come to its end', async () => {
  let isOver = false;
  const late = new Promise<void>((resolve) => setTimeout(resolve, 20)).then(() => {
    isOver = true;
  });
  await expect(together(Promise.reject(new Error('first')), late)).rejects.toThrow('first');
  expect(isOver).toBe(true);
});
