import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { receiptEvidence } from '../../store/tables/receipt-evidence.ts';
import {
  startTemporaryDatabases,
  type TemporaryDatabases,
} from '../../store/testing/temporary-databases.ts';
import { ReceiptScene } from '../testing/receipt-scene.ts';
import { verifyDocument } from '../verification/verify-document.ts';

let databases: TemporaryDatabases;
let scene: ReceiptScene;

beforeAll(async () => {
  databases = await startTemporaryDatabases();
  scene = await ReceiptScene.open(await databases.empty('receipts'));
  await scene.show('alpha', [[101, 5]]);
  await scene.show('beta', [
    [100, 10],
    [110, 10],
  ]);
  await scene.show('gamma', [[100, 7]]);
});

afterAll(async () => {
  await scene.close();
  await databases.stop();
});

/** The verdict, with what failed where something did. */
function verdictOn(document: unknown): string {
  const { outcome, findings } = verifyDocument(document);
  const failed = findings.filter(({ status }) => status === 'failed');
  return [outcome, ...failed.map(({ subject, code }) => `${subject} ${code}`)].join(' | ');
}

describe('a receipt', () => {
  it('proves a route from the frames that publishers signed and the judge accepted', async () => {
    const routed = await scene.route('alpha-1', { quantity: 20 });
    expect(routed.legs.map(({ venue, quantity }) => [venue, quantity])).toEqual([
      ['beta', 10],
      ['gamma', 7],
      ['alpha', 3],
    ]);
    for (const leg of routed.legs) {
      if (leg.venue !== 'alpha') await scene.send(routed, leg);
      await scene.fill(routed, leg);
    }
    const document = await scene.document('alpha-1');
    expect(verdictOn(document)).toBe('proven');
    expect(document.revisions.map(({ body }) => body.kind)).toEqual([
      'decision',
      'outcome',
      'outcome',
      'outcome',
    ]);
    const texts = verifyDocument(document).findings.map(({ text }) => text);
    expect(texts.filter((text) => text.includes('this very route'))).toHaveLength(1);
    expect(texts.filter((text) => text.includes('executed at'))).toHaveLength(3);
  });

  it('proves the rounds after the first, and what they do not ask again', async () => {
    const first = await scene.route('alpha-2', { quantity: 15 });
    const [leg] = first.legs;
    if (!leg) throw new Error('no leg');
    await scene.send(first, leg);
    await scene.tell(first, leg, ...scene.fillOf(leg, 4));
    const exclusions = { beta: 'asked-before', gamma: 'no-order-link' };
    await scene.route('alpha-2', { quantity: 11 }, { round: 2, exclusions });
    const document = await scene.document('alpha-2');
    expect(verdictOn(document)).toBe('proven');
    const texts = verifyDocument(document).findings.map(
      ({ status, subject, text }) => `${status} ${subject}: ${text}`,
    );
    expect(texts).toContain(
      'stated round 2, gamma: It was left out as "no-order-link": the home node’s own word.',
    );
    expect(texts).toContain(
      'stated round 2, gamma: It showed 7 at 1, which the order could have used, and was passed over as "no-order-link".',
    );
  });

  it('keeps a frame once, however many decisions used it', async () => {
    const before = (await scene.store.db.select().from(receiptEvidence)).length;
    for (const orderId of ['alpha-3', 'alpha-4', 'alpha-5']) {
      await scene.route(orderId, { quantity: 2 });
    }
    expect((await scene.store.db.select().from(receiptEvidence)).length).toBe(before);
    expect(verdictOn(await scene.document('alpha-5'))).toBe('proven');
  });
});
