import type { SettlementLegMessage, SignedMandateMessage } from '@stoa/schema';
import { expect, it } from 'vitest';
import { keepGivenMandates } from './mandate-exchange.ts';

const ADDRESS = '0x00000000000000000000000000000000000000aa';
const LEG: SettlementLegMessage = {
  ...{ executingVenue: 'beta', homeVenue: 'alpha', tradeNumber: 1, deadline: 1 },
  ...{ token: ADDRESS, cashToken: ADDRESS, seller: ADDRESS, buyer: ADDRESS },
  ...{ quantity: '1', amount: '1' },
};
const MANDATE: SignedMandateMessage = {
  ...{ investor: ADDRESS, side: 'buy', token: ADDRESS, cashToken: ADDRESS },
  ...{ limitAmount: '1', limitQuantity: '1', quantity: '1', nonce: '1' },
  ...{ expiry: 1, venues: [], signature: '0x' },
};

it.each(['limitAmount', 'limitQuantity', 'quantity', 'nonce'])(
  'does not keep a mandate whose %s no contract could take, and stops no session by it',
  async (name) => {
    const mandates = [{ ...MANDATE, [name]: (2n ** 256n).toString() }];
    const answer = { kind: 'settlement-mandates', batchId: '0x01', mandates } as const;
    // Nothing is written before that is seen.
    const tx = undefined as never;
    expect(await keepGivenMandates(tx, 'beta', { answer, legs: [LEG] }, 0)).toBe(false);
  },
);
