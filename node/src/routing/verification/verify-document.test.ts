import { decodeFrame, decodeSigned, encodeFrame, encodeSigned, isRefusal } from '@stoa/schema';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seededNumbers } from '../../market/testing/seeded-numbers.ts';
import { testInstrument, testKey } from '../../network/testing/memory-directory.ts';
import {
  startTemporaryDatabases,
  type TemporaryDatabases,
} from '../../store/testing/temporary-databases.ts';
import { sha256Hex } from '../receipts/canonical-json.ts';
import type { DecisionBody, OutcomeBody, ReceiptDocument } from '../receipts/receipt.ts';
import { routeInputFromJson } from '../route-json.ts';
import { route } from '../router.ts';
import { mutate, placesIn } from '../testing/json-mutations.ts';
import { INSTRUMENT, ReceiptScene, termsOf } from '../testing/receipt-scene.ts';
import { type Forgery, forged } from '../testing/resign.ts';
import { Findings } from './verification.ts';
import { rebuildBook } from './verify-book.ts';
import { verifyDocument } from './verify-document.ts';
import { EvidenceFile } from './verify-evidence.ts';
import type { RegistryExport } from './verify-registry.ts';

let databases: TemporaryDatabases;
let scene: ReceiptScene;
let receipt: ReceiptDocument;

beforeAll(async () => {
  databases = await startTemporaryDatabases();
  scene = await ReceiptScene.open(await databases.empty('verify'));
  await scene.show('alpha', [[110, 50]], [[90, 10]]);
  await scene.show('beta', [[101, 10]], [[95, 5]]);
  await scene.show('gamma', [[105, 10]], []);
  await scene.show('gamma', [[100, 10]], []);
  const routed = await scene.route('alpha-1', { quantity: 30 });
  for (const leg of routed.legs) {
    if (leg.venue !== 'alpha') await scene.send(routed, leg);
    await scene.fill(routed, leg, leg.quantity - 1);
  }
  receipt = await scene.document('alpha-1');
});

afterAll(async () => {
  await scene.close();
  await databases.stop();
});

function codesOf(document: unknown, pinned?: RegistryExport): string[] {
  const { outcome, findings } = verifyDocument(document, pinned);
  const codes = findings.flatMap(({ status, code }) => (status === 'failed' ? [code ?? ''] : []));
  return [outcome, ...new Set(codes)];
}

/** The registries as they are: what alpha's receipt is held against. */
function registry(): RegistryExport {
  const [extract] = Object.values(receipt.directories);
  if (!extract) throw new Error('no extract');
  const listings = extract.listings.map((listing) => ({ ...listing, instrument: INSTRUMENT.id }));
  const { registry: where, members } = structuredClone(extract);
  return { format: 'stoa-registry/1', registry: where, members, listings };
}

function decisionOf({ bodies }: Forgery): DecisionBody {
  return bodies[0] as DecisionBody;
}

function venueOf(forgery: Forgery, venue: string) {
  const found = decisionOf(forgery).venues.find((each) => each.venue === venue);
  if (!found) throw new Error(`no ${venue}`);
  return found;
}

/** What the router makes of a forged decision, so that the route itself is beyond reproach. */
function routeAnew(forgery: Forgery): void {
  const decision = decisionOf(forgery);
  const input = routeInputFromJson(decision.input);
  if (isRefusal(input)) throw new Error(input.message);
  const findings = new Findings();
  const evidence = new EvidenceFile(forgery.document, findings);
  const { nowMs } = input;
  const book = rebuildBook(decision, forgery.extract, { evidence, findings, nowMs });
  decision.route = JSON.parse(JSON.stringify(route({ ...input, book })));
  decision.legs = decision.route.legs.map((leg, index) => ({
    ...({ ...leg, id: `alpha-1.${index + 1}.1`, purpose: 'route', timeInForce: 'ioc' } as const),
  }));
  forgery.bodies.splice(1);
  forgery.document.orders = [];
}

function reframe(hash: string, change: (offers: { price: number }[]) => void): Uint8Array {
  const bytes = Buffer.from(receipt.frames[hash] ?? '', 'base64url');
  const signed = decodeSigned(bytes, bytes.length);
  const decoded = isRefusal(signed) ? signed : decodeFrame(signed.payload);
  if (isRefusal(decoded)) throw new Error(decoded.message);
  const entries = decoded.frame.entries.map((entry) => {
    if (entry.kind !== 'book') return entry;
    const offers = entry.offers.map((level) => ({ ...level }));
    change(offers);
    return { ...entry, offers };
  });
  const payload = encodeFrame({ ...decoded.frame, entries });
  // Signed with the only key that alpha has.
  return encodeSigned({ payload, signature: testKey('alpha').sign('frame', payload) });
}

describe('verifying a receipt', () => {
  it('proves an honest one, with the registry given and without', () => {
    expect(codesOf(receipt)).toEqual(['proven']);
    expect(codesOf(receipt, registry())).toEqual(['proven']);
  });

  it('never proves one in which anything was changed', () => {
    const random = seededNumbers(7);
    const all = placesIn(receipt);
    // Without its last revision it is the receipt of a moment before, and true.
    const last = `revisions.${receipt.revisions.length - 1}`;
    const places = [...all, ...all, ...all].filter((path) => path.join('.') !== last);
    const proven: string[] = [];
    let changed = 0;
    for (const path of places) {
      const copy = structuredClone(receipt);
      const how = mutate(copy, path, random);
      if (JSON.stringify(copy) === JSON.stringify(receipt)) continue;
      changed += 1;
      if (verifyDocument(copy).outcome === 'proven') proven.push(`${path.join('.')} ${how}`);
    }
    expect(changed).toBeGreaterThan(700);
    expect(proven).toEqual([]);
  });

  it('holds revisions to their order, and evidence to its hash and its use', () => {
    const swapped = structuredClone(receipt);
    swapped.revisions.push(...swapped.revisions.splice(1, 1));
    expect(codesOf(swapped)).toContain('CHAIN_BROKEN');

    // A field that readers skip: payload and signature are as they were.
    const padded = structuredClone(receipt);
    const [hash = ''] = Object.keys(padded.frames);
    const bytes = Buffer.from(padded.frames[hash] ?? '', 'base64url');
    const longer = Buffer.concat([bytes, Buffer.from([0x18, 0x01])]).toString('base64url');
    padded.frames[hash] = longer;
    expect(codesOf(padded)).toContain('EVIDENCE_ALTERED');

    const stuffed = structuredClone(receipt);
    stuffed.frames[sha256Hex(Buffer.from(longer, 'base64url'))] = longer;
    expect(codesOf(stuffed)).toEqual(['not-proven', 'EVIDENCE_UNUSED']);
  });

  it('says of garbage that it is of no use, and never throws', () => {
    const deep = JSON.parse(`${'['.repeat(5_000)}${']'.repeat(5_000)}`);
    const nested = structuredClone(receipt);
    const [first] = nested.revisions;
    if (first?.body.kind === 'decision') first.body.input['order'] = deep;
    for (const garbage of [
      undefined,
      null,
      7,
      'text',
      [],
      {},
      deep,
      { format: 'stoa-receipt/2' },
    ]) {
      expect(verifyDocument(garbage).outcome).toBe('unusable');
    }
    expect(verifyDocument(nested).outcome).toBe('not-proven');
  });
});

describe('a home node that forges its own receipt', () => {
  const cases: Record<string, { change: (forgery: Forgery) => void; code: string }> = {
    'leaves out the venue with the best quote': {
      change: (forgery) => {
        const decision = decisionOf(forgery);
        decision.venues = decision.venues.filter(({ venue }) => venue !== 'gamma');
        (decision.input['venues'] as unknown[]).pop();
        routeAnew(forgery);
      },
      code: 'VENUES_INCOMPLETE',
    },
    'says that the best venue showed nothing': {
      change: (forgery) => {
        delete venueOf(forgery, 'gamma').book;
        routeAnew(forgery);
      },
      code: 'NEWER_BOOK',
    },
    'shows none of the best venue’s frames': {
      change: (forgery) => {
        const venue = venueOf(forgery, 'gamma');
        delete venue.book;
        delete venue.latest;
        routeAnew(forgery);
      },
      code: 'STATE_CONTRADICTED',
    },
    'calls the best venue stale against its own frame': {
      change: (forgery) => {
        venueOf(forgery, 'gamma').state = 'stale';
        routeAnew(forgery);
      },
      code: 'STATE_CONTRADICTED',
    },
    'alters a quote': {
      change: (forgery) => {
        const gamma = venueOf(forgery, 'gamma');
        const bytes = reframe(gamma.book ?? '', (offers) => {
          for (const level of offers) level.price += 50;
        });
        gamma.book = gamma.latest = forgery.put('frames', bytes);
        routeAnew(forgery);
      },
      code: 'SIGNATURE_INVALID',
    },
    'shows another venue’s frame': {
      change: (forgery) => {
        const { book } = venueOf(forgery, 'alpha');
        if (book) venueOf(forgery, 'gamma').book = book;
        routeAnew(forgery);
      },
      code: 'SIGNATURE_INVALID',
    },
    'reckons a venue dearer than its terms': {
      change: (forgery) => {
        const venues = decisionOf(forgery).input['venues'] as [
          string,
          { cost: { takerPpm: number } },
        ][];
        for (const [venue, { cost }] of venues) if (venue === 'gamma') cost.takerPpm = 900_000;
        routeAnew(forgery);
      },
      code: 'TERMS_CONTRADICTED',
    },
    'does not show the terms it reckoned with': {
      change: (forgery) => {
        delete venueOf(forgery, 'gamma').terms;
        routeAnew(forgery);
      },
      code: 'TERMS_MISSING',
    },
    'calls a venue closed that was open': {
      change: (forgery) => {
        decisionOf(forgery).input['exclusions'] = [['gamma', 'closed']];
        routeAnew(forgery);
      },
      code: 'EXCLUSION_CONTRADICTED',
    },
    'calls a venue asked before that it never asked': {
      change: (forgery) => {
        decisionOf(forgery).input['exclusions'] = [['gamma', 'asked-before']];
        routeAnew(forgery);
      },
      code: 'EXCLUSION_CONTRADICTED',
    },
    'calls a venue halted that it says is listed': {
      change: (forgery) => {
        decisionOf(forgery).input['exclusions'] = [['gamma', 'halted']];
        routeAnew(forgery);
      },
      code: 'EXCLUSION_CONTRADICTED',
    },
    'sends the order elsewhere than the route': {
      change: (forgery) => {
        const { legs } = decisionOf(forgery);
        for (const leg of legs) if (leg.venue === 'gamma') leg.venue = 'alpha';
      },
      code: 'LEGS_DIFFER',
    },
    'writes down another route': {
      change: (forgery) => {
        const { route: decided, legs } = decisionOf(forgery);
        for (const leg of [...decided.legs, ...legs])
          if (leg.venue === 'gamma') leg.venue = 'alpha';
      },
      code: 'ROUTE_DIFFERS',
    },
    'tells of another tick than the registry': {
      change: (forgery) => {
        decisionOf(forgery).input['tickSize'] = 5;
      },
      code: 'INPUT_CONTRADICTS',
    },
    'moves the decision in time': {
      change: (forgery) => {
        decisionOf(forgery).input['nowMs'] = 1_600_000_000_000;
      },
      code: 'TIME_CONTRADICTS',
    },
    'names rules that nobody has': {
      change: (forgery) => {
        decisionOf(forgery).route.routerVersion = 'favour-home/1';
      },
      code: 'ROUTER_VERSION_UNKNOWN',
    },
    'says itself what another venue filled': {
      change: ({ bodies, document }) => {
        const outcome = bodies[1] as OutcomeBody;
        outcome.reports = outcome.reports.map(({ legId, venue }) => ({
          ...{ legId, venue },
          own: { kind: 'leg-done', legId, state: 'canceled', filled: 0, reason: '' },
        }));
        document.orders = document.orders.slice(1);
      },
      code: 'SIGNATURE_MISSING',
    },
    'leaves out what it had sent': {
      change: ({ document }) => {
        document.orders = [];
      },
      code: 'ORDER_MISSING',
    },
    'drops the decision': {
      change: ({ bodies }) => {
        bodies.splice(0, 1);
      },
      code: 'NO_DECISION',
    },
  };

  for (const [name, { change, code }] of Object.entries(cases)) {
    it(`is found out when it ${name}`, () => {
      expect(codesOf(forged(receipt, change))).toContain(code);
    });
  }

  it('is found out by the registry when it leaves a venue out of the directory too', () => {
    const without = forged(receipt, (forgery) => {
      const decision = decisionOf(forgery);
      decision.venues = decision.venues.filter(({ venue }) => venue !== 'gamma');
      (decision.input['venues'] as unknown[]).pop();
      forgery.extract.listings = forgery.extract.listings.filter(({ venue }) => venue !== 'gamma');
      forgery.extract.members = forgery.extract.members.filter(({ id }) => id !== 'gamma');
      routeAnew(forgery);
    });
    expect(codesOf(without)).toEqual(['proven']);
    expect(codesOf(without, registry())).toEqual(['not-proven', 'LISTING_DIFFERS']);
  });

  it('is found out by the registry when it gives a venue a key of its own', () => {
    const own = forged(receipt, (forgery) => {
      const gamma = venueOf(forgery, 'gamma');
      gamma.book = gamma.latest = forgery.put(
        'frames',
        reframe(gamma.book ?? '', (offers) => {
          for (const level of offers) level.price += 50;
        }),
      );
      for (const member of forgery.extract.members) {
        if (member.id !== 'gamma') continue;
        member.nodeKeys.push({ key: testKey('alpha').publicKey, validFrom: 0, validTo: 0 });
      }
      routeAnew(forgery);
    });
    expect(codesOf(own)).toEqual(['proven']);
    expect(codesOf(own, registry())).toEqual(['not-proven', 'KEY_NOT_REGISTERED']);
  });

  it('cannot be held to a registry that it does not name', () => {
    const other = registry();
    const elsewhere = { ...other, registry: { ...other.registry, chainId: 1 } };
    expect(codesOf(receipt, elsewhere)).toEqual(['not-proven', 'REGISTRY_DIFFERS']);
  });
});

describe('what a receipt tells of venues', () => {
  it('takes halts, closed calendars and unknown terms from the evidence', async () => {
    const sundays = { timeZone: 'UTC', weekdays: [7], entryOpen: '00:00', open: '00:00' };
    const calendar = { ...sundays, close: '24:00', holidays: [], earlyCloses: [] };
    scene.tellTerms('beta', termsOf(0, { version: 2, calendar }));
    await scene.halt('gamma');
    await scene.route('alpha-2', { quantity: 5 }, { exclusions: { beta: 'closed' } });
    const document = await scene.document('alpha-2');
    const { outcome, findings } = verifyDocument(document);
    expect(outcome).toBe('proven');
    const texts = findings.map(({ status, subject, text }) => `${status} ${subject}: ${text}`);
    expect(texts).toContain(
      'proven round 1, beta: It was left out as "closed", and the evidence bears it out.',
    );
    expect(texts).toContain('proven round 1, gamma: Signed by gamma: trading is halted (venue).');
    const lifted = forged(document, (forgery) => {
      delete venueOf(forgery, 'gamma').status;
      routeAnew(forgery);
    });
    expect(codesOf(lifted)).toContain('NEWER_STATUS');
  });

  it('finds a fill beyond the limit, of too much, or of another leg', async () => {
    await scene.show('beta', [[101, 10]]);
    scene.tellTerms('beta', termsOf(0, { version: 3 }));
    const told = async (
      orderId: string,
      change: (execution: { price: number; quantity: number; instrument: string }) => void,
    ): Promise<string[]> => {
      const routed = await scene.route(orderId, { quantity: 5 }, { exclusions: { alpha: 'x' } });
      const [leg] = routed.legs;
      if (leg?.venue !== 'beta') throw new Error('not at beta');
      await scene.send(routed, leg);
      const bodies = scene.fillOf(leg, 5);
      const [first] = bodies;
      if (first?.kind !== 'leg-executed') throw new Error('no fill');
      change(first.execution);
      await scene.tell(routed, leg, ...bodies);
      return codesOf(await scene.document(orderId));
    };
    expect(await told('alpha-3', () => undefined)).toEqual(['proven']);
    expect(await told('alpha-4', (fill) => (fill.price += 1))).toContain('PRICE_WORSE_THAN_LIMIT');
    expect(await told('alpha-5', (fill) => (fill.quantity += 1))).toContain('OVERFILLED');
    expect(await told('alpha-6', (fill) => (fill.instrument = testInstrument(2).id))).toContain(
      'EXECUTION_OF_ANOTHER',
    );
  });
});
