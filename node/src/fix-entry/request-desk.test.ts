import { FixFields, MessageWriter, TAG } from '@stoa/adapters';
import type { Refusal } from '@stoa/schema';
import { expect, it } from 'vitest';
import type { OrderView } from '../orders/blotter/order-view.ts';
import { BROKER_WALLET, directoryOf, INSTRUMENT, until } from '../orders/testing/test-network.ts';
import { AuditedDesk } from './audited-desk.ts';
import type { EntryAnswer } from './entry-answer.ts';
import { EntryJournal } from './entry-journal.ts';
import type { EntryMessage } from './entry-message.ts';
import { EntrySymbols } from './entry-symbols.ts';
import { type OrderReading, readNewOrder } from './order-reader.ts';
import { RequestDesk, type RequestDeskNeeds } from './request-desk.ts';
import { RequestInbox } from './request-inbox.ts';

const REFUSAL = { refused: true, code: 'OFF_LOT', message: 'Off lot.', action: 'Correct it.' };
const ORDER = { id: 'alpha-1', clientOrderId: 'A1', instrument: INSTRUMENT.id, side: 'buy' };
const READING: OrderReading = {
  symbols: new EntrySymbols([INSTRUMENT], {}, directoryOf(['alpha'])),
  ...{ accounts: new Map(), defaultAccount: BROKER_WALLET as `0x${string}` },
  cancelOnDisconnect: false,
};

/** A desk before orders that do as they are told, and what it makes of messages. */
function deskWith(
  orders: Partial<RequestDeskNeeds['orders']>,
  known?: typeof ORDER,
  synced: () => Promise<void> | undefined = () => undefined,
) {
  const journal = new EntryJournal();
  const desk = new RequestDesk(
    {
      caller: { member: 'broker', home: 'alpha', scopes: new Set(['orders:read', 'orders:write']) },
      ...{ version: 'FIX.4.4', accountNames: new Map(), reading: READING },
    },
    {
      orders: { refused: async () => undefined, ...orders } as RequestDeskNeeds['orders'],
      blotter: { order: async () => known as OrderView | undefined },
      ...{ directory: directoryOf(['alpha']), journal, note: () => undefined, nowMs: () => 0 },
      ...{ told: async () => undefined, synced },
    },
  );
  return { desk, journal };
}

function message(
  msgType: string,
  values: Record<number, string>,
  more: Partial<EntryMessage> = {},
): EntryMessage {
  const body = {
    35: msgType,
    11: 'A1',
    55: 'BOND',
    54: '1',
    60: '0',
    38: '100',
    40: '2',
    44: '10',
  };
  const text = Object.entries({ ...body, ...values }).map(([tag, value]) => `${tag}=${value}\x01`);
  const bytes = Buffer.from(text.join(''), 'latin1');
  const fields = new FixFields();
  fields.scan(bytes, 0, bytes.length);
  return {
    ...{ fields, msgType, seq: 2, numbering: 0, begunAtMs: 0 },
    ...{ possDup: false, possResend: false, isTooFast: false, ...more },
  };
}

/** What an answer says, as it goes out. */
function written(answer: EntryAnswer | undefined): FixFields | undefined {
  if (!answer) return undefined;
  const writer = new MessageWriter().begin('FIX.4.4', answer.msgType);
  answer.body(writer);
  const bytes = writer.finish();
  const fields = new FixFields();
  fields.scan(bytes, 0, bytes.length);
  return fields;
}

const placed = { order: ORDER as unknown as OrderView, existed: false };

it('a request whose outcome was not known is done when it is tried again, and not refused as a repeat of itself', async () => {
  let times = 0;
  const { desk } = deskWith({
    place: async () => {
      times += 1;
      // As where the connection to the store breaks while it commits.
      if (times === 1) throw new Error('connection lost');
      return { ...placed, existed: true };
    },
  });
  const answers: (EntryAnswer | undefined)[] = [];
  const inbox = new RequestInbox({
    handle: async (one) => void answers.push(await desk.answer(one)),
    ...{ onFault: () => undefined, pause: () => undefined, resume: () => undefined },
  });
  inbox.add(message('D', {}));
  await until(() => answers.length === 1);
  expect(answers).toEqual([undefined]);
  expect(times).toBe(2);
});

it('places no order before it is durable whose it is', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const done: string[] = [];
  const place = async () => {
    done.push('placed');
    return placed;
  };
  const { desk } = deskWith({ place }, undefined, () => promise);
  const answered = desk.answer(message('D', {}));
  setImmediate(() => {
    done.push('durable');
    resolve();
  });
  await answered;
  expect(done).toEqual(['durable', 'placed']);
});

it('says of no request that nothing was done for it when it may have been before', async () => {
  const { desk } = deskWith({ place: async () => placed });
  const audit = { failure: () => 'it cannot be written', mutation: async () => undefined };
  const audited = new AuditedDesk(
    { member: 'broker', compId: 'BROKER', version: 'FIX.4.4' },
    { desk, audit, nowMs: () => 0 },
  );
  expect((await audited.answer(message('D', {})))?.refusal).toBe('AUDIT_UNAVAILABLE');
  const repeated = audited.answer(message('D', {}, { possDup: true }));
  await expect(repeated).rejects.toMatchObject({ code: 'AUDIT_UNAVAILABLE' });
});

it('a request that comes again is not too fast for what was taken of it before', async () => {
  const { desk, journal } = deskWith({ place: async () => placed }, ORDER);
  journal.entered('A1', 'A1');
  const again = message('D', {}, { possDup: true, isTooFast: true });
  expect(await desk.answer(again)).toBeUndefined();
  const other = await desk.answer(message('D', { 11: 'A2' }, { possDup: true, isTooFast: true }));
  expect(other?.refusal).toBe('RATE_LIMITED');
});

it.each([
  ['D', 11, '\x02'],
  ['D', 55, 'BO\tND'],
  ['F', 41, '\x85'],
  ['H', 790, '\x7f'],
  ['V', 11, '\x02'],
  ['\x02', 11, 'A1'],
])('%j with %d=%j is answered, and nothing waits behind it', async (msgType, tag, value) => {
  const { desk } = deskWith({ place: async () => placed });
  const answer = written(await desk.answer(message(msgType, { 41: 'A1', [tag]: value })));
  expect(answer?.text(TAG.RefSeqNum)).toBe('2');
});

it('an order that came another way is not heard of over a session that uses its id too', async () => {
  const entered: string[] = [];
  const place = async () => {
    entered.push('placed');
    return { ...placed, existed: true };
  };
  const known = deskWith({ place }, ORDER);
  expect(written(await known.desk.answer(message('D', {})))?.text(TAG.OrdRejReason)).toBe('6');
  expect(known.journal.isOwn('A1')).toBe(false);
  expect(entered).toEqual([]);
  // It came between the look and the entry.
  const raced = deskWith({ place });
  expect(written(await raced.desk.answer(message('D', {})))?.text(TAG.OrdRejReason)).toBe('6');
  expect(raced.journal.isOwn('A1')).toBe(false);
});

it('remembers no id of a request that was refused', async () => {
  const refuse = async () => REFUSAL as unknown as Refusal;
  const { desk, journal } = deskWith({ place: refuse, cancel: refuse, replace: refuse }, ORDER);
  journal.entered('ROOT', 'ROOT');
  for (const [id, msgType] of ['D', 'F', 'G'].entries()) {
    await desk.answer(message(msgType, { 11: `X${id}`, 41: 'ROOT' }));
    expect(journal.rootOf(`X${id}`), msgType).toBeUndefined();
  }
  const copy = new EntryJournal();
  for (const note of journal.snapshot()) copy.read(note);
  expect(copy.snapshot()).toEqual(journal.snapshot());
});

it('a mass cancel of a side that is not traded here cancels nothing', async () => {
  let canceled = 0;
  const { desk } = deskWith({ cancelAll: async () => ({ count: (canceled += 1) }) });
  const answer = written(await desk.answer(message('q', { 530: '7', 54: '5' })));
  expect([answer?.text(TAG.MassCancelResponse), canceled]).toEqual(['0', 0]);
});

it('a repeat under another number of what is not known here is answered with its status', async () => {
  const { desk } = deskWith({ place: async () => ({ ...placed, existed: true }) });
  const answer = written(await desk.answer(message('D', {}, { possResend: true })));
  expect(answer?.text(TAG.ExecType)).toBe('I');
});

it.each([
  ['a price that is none per unit', { 423: '1' }],
  ['a shown part', { 1138: '10' }],
  ['a trigger', { 1100: '4' }],
])('an order with %s is refused, and not taken for another', (_what, values) => {
  expect(readNewOrder(message('D', {}).fields, READING)).not.toHaveProperty('code');
  expect(readNewOrder(message('D', values).fields, READING)).toMatchObject({
    code: 'ORDER_TYPE_UNSUPPORTED',
  });
});
