import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { accessCases } from './access-cases.ts';
import { changeCases } from './change-cases.ts';
import { CONFORMANCE_LIST } from './conformance-list.ts';
import { faultCases } from './fault-cases.ts';
import type { KitCase } from './kit-case.ts';
import { linkCases } from './link-cases.ts';
import { listingCases } from './listing-cases.ts';
import { marketCases } from './market-cases.ts';
import { orderCases } from './order-cases.ts';
import { quoteCases } from './quote-cases.ts';
import { recoveryCases } from './recovery-cases.ts';
import { sequenceCases } from './sequence-cases.ts';
import { sessionCases } from './session-cases.ts';
import { termsCases } from './terms-cases.ts';
import { tradeChangeCases } from './trade-change-cases.ts';
import { VenueBench, type VenueDriver, type VenueUnderTest } from './venue-bench.ts';

const SUBJECTS: Readonly<Record<string, readonly KitCase[]>> = {
  link: linkCases,
  orders: orderCases,
  'order terms': termsCases,
  'cancel and replace': changeCases,
  market: marketCases,
  listings: listingCases,
  session: sessionCases,
  'trades undone and corrected': tradeChangeCases,
  'requests for quote': quoteCases,
  'restart and reconciliation': recoveryCases,
  'faults of the venue': faultCases,
  'numbered messages': sequenceCases,
  'logins, credentials and clocks': accessCases,
};

/**
 * What every venue adapter must do, whatever is behind it. Call it in a test file of the
 * implementation with a name and a venue to try it on. A case that the adapter has no capability for,
 * or that its venue cannot be driven to, is reported as skipped with the reason.
 */
export function venueAdapterSuite(name: string, setup: () => Promise<VenueUnderTest>): void {
  describe(`${name} as a venue adapter`, () => {
    let bench: VenueBench;
    beforeEach(async () => {
      bench = new VenueBench(await setup());
    });
    afterEach(() => bench.end());

    for (const [subject, cases] of Object.entries(SUBJECTS)) {
      describe(subject, () => {
        for (const one of cases) {
          it(one.about, async ({ skip }) => {
            const reason = whyNot(one, bench);
            if (reason !== undefined) skip(reason);
            await one.run(bench, bench.venue.drive as Required<VenueDriver>, skip);
          });
        }
      });
    }
  });

  describe('the conformance list', () => {
    it('has a case for everything', () => {
      const covered = new Set(
        Object.values(SUBJECTS).flatMap((cases) => cases.flatMap(({ covers }) => covers)),
      );
      const missing = Object.entries(CONFORMANCE_LIST)
        .filter(([number]) => !covered.has(Number(number)))
        .map(([number, about]) => `${number} ${about}`);
      expect(missing).toEqual([]);
    });
  });
}

function whyNot(
  { capability, lacks, rfq, drivers = [], timesInForce = [] }: KitCase,
  bench: VenueBench,
): string | undefined {
  const { timesInForce: able } = bench.adapter.capabilities;
  const unable = timesInForce.filter((one) => !able.includes(one));
  if (unable.length > 0) return `the adapter does not take ${unable.join(', ')} orders`;
  if (rfq !== undefined && bench.adapter.capabilities.rfq?.[rfq] !== true) {
    return `the adapter does not negotiate with ${rfq}`;
  }
  if (capability !== undefined && !bench.adapter.capabilities[capability]) {
    return `the adapter does not have ${capability}`;
  }
  if (lacks !== undefined && bench.adapter.capabilities[lacks] === true) {
    return `the adapter has ${lacks}`;
  }
  const missing = drivers.filter((driver) => bench.venue.drive[driver] === undefined);
  return missing.length === 0 ? undefined : `the venue cannot be driven to ${missing.join(', ')}`;
}
