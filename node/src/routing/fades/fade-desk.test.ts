import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { testKey } from '../../network/testing/memory-directory.ts';
import { fades } from '../../store/tables/fades.ts';
import {
  startTemporaryDatabases,
  type TemporaryDatabases,
} from '../../store/testing/temporary-databases.ts';
import type { FadeDocument } from '../receipts/receipt.ts';
import { readFade } from '../receipts/receipt-reader.ts';
import { REGISTRY, ReceiptScene, type Routed, SILENT_LOGGER } from '../testing/receipt-scene.ts';
import { verifyDocument } from '../verification/verify-document.ts';
import { createFadeDesk, type FadeDesk } from './fade-desk.ts';

let databases: TemporaryDatabases;
let scene: ReceiptScene;
let desk: FadeDesk;
let metrics: Registry;

beforeAll(async () => {
  databases = await startTemporaryDatabases();
});

afterAll(() => databases.stop());

beforeEach(async () => {
  scene = await ReceiptScene.open(await databases.empty('fades'));
  await scene.show('beta', [[100, 10]]);
  metrics = new Registry();
  desk = createFadeDesk(
    {},
    {
      ...{ database: scene.store.db, home: 'alpha', nodeKey: testKey('alpha'), registry: REGISTRY },
      ...{ directory: scene.directory, market: scene.market, logger: SILENT_LOGGER, metrics },
      nowMs: () => scene.nowMs,
    },
  );
});

afterEach(() => scene.close());

async function sentToBeta(): Promise<Routed> {
  const routed = await scene.route('alpha-1', { quantity: 10 });
  const [leg] = routed.legs;
  if (leg?.venue !== 'beta') throw new Error('not at beta');
  await scene.send(routed, leg);
  return routed;
}

const legId = 'alpha-1.10.1';

async function verdict(): Promise<string> {
  const [row] = await scene.store.db.select().from(fades);
  return `${row?.verdict} ${row?.code}`;
}

async function document(): Promise<FadeDocument> {
  const found = await readFade(scene.store.db, legId);
  if (!found) throw new Error('no evidence');
  return JSON.parse(JSON.stringify(found));
}

describe('the fade desk', () => {
  it('keeps signed evidence of a quote that was refused, once what was under way has come', async () => {
    const routed = await sentToBeta();
    const [leg] = routed.legs;
    if (!leg) throw new Error('no leg');
    await scene.tell(routed, leg, { kind: 'leg-rejected', legId, code: 'NO', message: 'No.' });
    expect(await desk.judgeDue()).toBe(0);
    scene.nowMs += 2_000;
    expect(await desk.judgeDue()).toBe(1);
    expect(await verdict()).toBe('fade REFUSED');
    expect(await desk.judgeDue()).toBe(0);
    expect(await metrics.metrics()).toContain(
      'stoa_quote_fades_total{venue="beta",verdict="fade",code="REFUSED"} 1',
    );
    const { outcome, findings } = verifyDocument(await document());
    expect(outcome).toBe('proven');
    expect(findings.map(({ text }) => text).join('\n')).toContain('fade, REFUSED');
  });

  it('judges the own venue as it judges others, by what the node itself signs', async () => {
    await scene.show('alpha', [[99, 10]]);
    const routed = await scene.route('alpha-1', { quantity: 10 });
    const [leg] = routed.legs;
    if (leg?.venue !== 'alpha') throw new Error('not at alpha');
    await scene.send(routed, leg);
    await scene.tell(routed, leg, { kind: 'leg-accepted', legId }, ...scene.fillOf(leg, 4));
    scene.nowMs += 2_000;
    expect(await desk.judgeDue()).toBe(1);
    expect(await verdict()).toBe('fade SHORT');
    const shown = await document();
    expect(shown.body.answers).toHaveLength(3);
    expect(verifyDocument(shown).outcome).toBe('proven');
    delete shown.messages[shown.body.answers[1] ?? ''];
    shown.body.answers.splice(1, 1);
    expect(verifyDocument(shown).outcome).toBe('not-proven');
  });

  it('finds the frames that excuse the venue', async () => {
    const routed = await sentToBeta();
    const [leg] = routed.legs;
    if (!leg) throw new Error('no leg');
    await scene.show('beta', [[100, 2]]);
    await scene.tell(routed, leg, ...scene.fillOf(leg, 2));
    scene.nowMs += 2_000;
    await desk.judgeDue();
    expect(await verdict()).toBe('excused IN_FLIGHT');
    const shown = await document();
    expect(shown.body.between).toHaveLength(1);
    expect(verifyDocument(shown).outcome).toBe('proven');
    const [between = ''] = shown.body.between;
    delete shown.frames[between];
    shown.body.between = [];
    expect(verifyDocument(shown).outcome).toBe('not-proven');
  });

  it('knows a venue that did not answer from one that refused, and from one that was not asked', async () => {
    const routed = await scene.route('alpha-1', { quantity: 10 });
    const [leg] = routed.legs;
    if (!leg) throw new Error('no leg');
    await scene.silence(routed, leg);
    scene.nowMs += 10_000;
    await desk.judgeDue();
    expect(await verdict()).toBe('excused NO_EVIDENCE');
    expect(await readFade(scene.store.db, legId)).toBeUndefined();
  });

  it('calls a leg unanswered where the venue had been sent it', async () => {
    const routed = await sentToBeta();
    const [leg] = routed.legs;
    if (!leg) throw new Error('no leg');
    await scene.silence(routed, leg);
    scene.nowMs += 10_000;
    await desk.judgeDue();
    expect(await verdict()).toBe('unanswered NO_ANSWER');
    expect(verifyDocument(await document()).outcome).toBe('proven');
  });

  it('counts an answer that came late, and asks nothing of legs that were filled', async () => {
    const routed = await sentToBeta();
    const [leg] = routed.legs;
    if (!leg) throw new Error('no leg');
    await scene.silence(routed, leg);
    scene.nowMs += 1_000;
    await scene.fill(routed, leg);
    scene.nowMs += 10_000;
    await desk.judgeDue();
    expect(await verdict()).toBe('excused FILLED');
    const filled = await scene.route('alpha-2', { quantity: 3 });
    for (const each of filled.legs) await scene.fill(filled, each);
    expect(await scene.store.db.select().from(fades)).toHaveLength(1);
  });

  it('makes evidence in which nothing can be changed', async () => {
    const routed = await sentToBeta();
    const [leg] = routed.legs;
    if (!leg) throw new Error('no leg');
    await scene.tell(routed, leg, { kind: 'leg-rejected', legId, code: 'NO', message: 'No.' });
    scene.nowMs += 2_000;
    await desk.judgeDue();
    const genuine = await document();
    const fields = Object.keys(genuine.body) as (keyof FadeDocument['body'])[];
    for (const field of fields) {
      const changed = structuredClone(genuine);
      const value = changed.body[field];
      const other = typeof value === 'number' ? value + 1 : Array.isArray(value) ? [] : `${value}1`;
      if (JSON.stringify(other) === JSON.stringify(value)) continue;
      (changed.body as Record<string, unknown>)[field] = other;
      expect(verifyDocument(changed).outcome, field).not.toBe('proven');
    }
    for (const section of ['frames', 'messages', 'directories'] as const) {
      for (const hash of Object.keys(genuine[section])) {
        const changed = structuredClone(genuine);
        delete changed[section][hash];
        expect(verifyDocument(changed).outcome, section).not.toBe('proven');
      }
    }
  });
});
