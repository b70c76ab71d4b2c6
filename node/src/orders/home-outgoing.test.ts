import type { LegOrder, MemberId, OrderMessageBody } from '@stoa/schema';
import { expect, it } from 'vitest';
import type { Transaction } from '../store/database.ts';
import { Outgoing } from './home-outgoing.ts';

const account = `0x${'a1'.repeat(20)}` as const;
const order = {
  ...{ instrument: 'eip155:1/erc20:0x00000000000000000000000000000000000000aa', member: 'broker' },
  ...{ account, state: { side: 'sell' } },
} as never;

it('says what an investor signed before each leg of the account that may rest elsewhere, and before no other', async () => {
  const sent: [MemberId, string][] = [];
  const out = new Outgoing('alpha');
  const legs = [
    ['beta', 'rest'],
    ['gamma', 'rest'],
    ['alpha', 'rest'],
    ['delta', 'route'],
  ] as const;
  for (const [id, [venue, purpose]] of legs.entries()) {
    out.send(order, {
      id: `${id}`,
      ...{ venue, purpose },
      timeInForce: 'day',
      quantity: 1,
      limitPrice: 1,
    } as never);
  }
  const asked: string[] = [];
  const heldFor = (_: Transaction, leg: Pick<LegOrder, 'account' | 'side'>) => {
    asked.push(`${leg.side} ${leg.account}`);
    return { kind: 'settlement-mandates-held' as const, mandates: [] };
  };
  const send = (_: Transaction, to: MemberId, ...bodies: OrderMessageBody[]): void => {
    for (const { kind } of bodies) sent.push([to, kind]);
  };
  const ownLegs = async (): Promise<void> => {};
  await out.write(
    {} as Transaction,
    { sessions: { send }, mandates: { heldFor }, ownLegs },
    {} as never,
  );
  expect(sent).toEqual([
    ['beta', 'settlement-mandates-held'],
    ['beta', 'leg-new'],
    ['gamma', 'settlement-mandates-held'],
    ['gamma', 'leg-new'],
    ['delta', 'leg-new'],
  ]);
  expect(asked).toEqual([`sell ${account}`, `sell ${account}`]);
});
