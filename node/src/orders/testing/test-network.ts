import {
  type Directory,
  type DirectorySource,
  type Instrument,
  instrumentIdOf,
  type Member,
  type MemberKind,
  type NodeKey,
  nodeKeyFromSeed,
} from '@stoa/schema';
import { pino } from 'pino';
import type { Logger } from '../../telemetry/logger.ts';

export { until } from '../../testing/until.ts';

const TOKEN = '0x00000000000000000000000000000000000000aa';

/** The one instrument of the tests: ticks of 5, lots of 10. */
export const INSTRUMENT: Instrument = {
  id: instrumentIdOf(31_337, TOKEN),
  token: TOKEN,
  standard: 'ERC-3643',
  symbol: 'BOND',
  name: 'A Bond',
  isin: '',
  issuer: 'issuer',
  tokenDecimals: 18,
  cashToken: '0x00000000000000000000000000000000000000cc',
  cashSymbol: 'USDX',
  cashDecimals: 6,
  priceDecimals: 2,
  quantityDecimals: 0,
  tickSize: 5,
  lotSize: 10,
};

export const BROKER_WALLET = '0x000000000000000000000000000000000000b001';
/** Another wallet of the same broker: orders of one wallet never meet. */
export const SECOND_WALLET = '0x000000000000000000000000000000000000b003';
export const OTHER_WALLET = '0x000000000000000000000000000000000000b002';
/** Wallet of the venues' own order flow. */
export const FLOW_WALLET = '0x000000000000000000000000000000000000f001';

export const SILENT: Logger = pino({ level: 'silent' });

/** A key that is the same for a name in every run. */
export function keyOf(name: string): NodeKey {
  return nodeKeyFromSeed(seedOf(name));
}

/** Where {@link keyOf} comes from. */
export function seedOf(name: string): Uint8Array {
  const seed = Buffer.alloc(32);
  seed.write(name);
  return seed;
}

function member(id: string, kind: MemberKind): Member {
  const nodeKeys = [{ key: keyOf(id).publicKey, validFrom: 0, validTo: 0 }];
  return { id, kind, status: 'active', nodeKeys, signers: [] };
}

/** A directory of venues that all list the instrument, and two brokers. */
export function directoryOf(venues: readonly string[]): DirectorySource {
  const members = [
    ...venues.map((id) => member(id, 'venue')),
    member('broker', 'broker'),
    member('other', 'broker'),
  ];
  const directory: Directory = {
    blockNumber: 1n,
    members: new Map(members.map((each) => [each.id, each])),
    instruments: new Map([[INSTRUMENT.id, INSTRUMENT]]),
    listings: venues.map((venue) => ({
      instrument: INSTRUMENT.id,
      venue,
      status: 'listed',
      exemption: 'reg-d-506c',
      evidenceHash: `0x${'0'.repeat(64)}`,
    })),
  };
  return { current: () => directory, onChange: () => () => undefined };
}
