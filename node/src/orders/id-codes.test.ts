import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { createIdCodes, isIdOf } from './id-codes.ts';

it('names things by codes that are as random as the bytes they are made of', () => {
  const ramp = createIdCodes((count) => Uint8Array.from({ length: count }, (_, index) => index));
  expect(ramp()).toBe('000g40s40m30e209');
  expect(createIdCodes((count) => new Uint8Array(count).fill(255))()).toBe('z'.repeat(16));
  const newCode = createIdCodes(randomBytes);
  const codes = Array.from({ length: 1_000 }, newCode);
  expect(new Set(codes).size).toBe(codes.length);
  for (const code of codes) expect(code).toMatch(/^[0-9a-hjkmnprstuvwxyz]{16}$/);
});

it('knows the ids that only one home gives', () => {
  expect(isIdOf('alpha', 'alpha-7k3f9x0abcdehjmn', 'order')).toBe(true);
  expect(isIdOf('alpha', 'alpha-7k3f9x0abcdehjmn.1.3', 'leg')).toBe(true);
  expect(isIdOf('alpha', 'alpha-q7k3f9x0abcdehjmn', 'negotiated')).toBe(true);
  const foreign = ['beta-12.1.3', 'alpha-12.1', 'alpha-1.0.1', 'alpha-1.1.1.1', 'xalpha-1.1.1'];
  for (const id of [...foreign, 'alpha-.1.1', 'alpha-X.1.1', `alpha-${'1'.repeat(33)}.1.1`]) {
    expect(isIdOf('alpha', id, 'leg'), id).toBe(false);
  }
});
