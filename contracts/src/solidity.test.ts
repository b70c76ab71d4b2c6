import { expect, it } from 'vitest';
import { forgeBinary, runForge } from '../forge.ts';

/** Solidity's own tests: what each function does, fuzzed, and what must hold after any sequence. */
it.skipIf(forgeBinary() === undefined)(
  'passes the tests in Solidity (forge/*.t.sol)',
  () => {
    const { code, output } = runForge(['test']);
    expect(code === 0 ? '' : output).toBe('');
    expect(output).toMatch(/ tests passed, 0 failed/);
  },
  300_000,
);
