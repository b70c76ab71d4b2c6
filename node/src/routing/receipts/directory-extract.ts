import {
  type Directory,
  type Instrument,
  type InstrumentId,
  instrumentParts,
  type MemberId,
} from '@stoa/schema';
import { canonicalJson, sha256Hex } from './canonical-json.ts';
import type { DirectoryExtract } from './receipt.ts';

/** Which registries a directory is read from. */
export interface RegistrySource {
  readonly chainId: number;
  readonly memberRegistry: `0x${string}`;
  readonly listingRegistry: `0x${string}`;
}

/** An extract as it is kept and named. */
export interface NamedExtract {
  readonly extract: DirectoryExtract;
  readonly hash: string;
  /** Canonical JSON. */
  readonly bytes: Uint8Array;
}

/** What the registries say that matters to one instrument; undefined for one they do not know. */
function extractOf(
  directory: Directory,
  instrument: InstrumentId,
  from: { readonly home: MemberId; readonly registry: RegistrySource },
): DirectoryExtract | undefined {
  const terms = directory.instruments.get(instrument);
  if (!terms) return undefined;
  const { id, symbol, cashSymbol, priceDecimals, quantityDecimals, tickSize, lotSize } = terms;
  const listings = directory.listings
    .filter((listing) => listing.instrument === instrument)
    .map(({ venue, status }) => ({ venue, status }))
    .toSorted((one, other) => (one.venue < other.venue ? -1 : 1));
  const ids = new Set([from.home, ...listings.map(({ venue }) => venue)]);
  const members = [...ids].sort().flatMap((member) => {
    const known = directory.members.get(member);
    if (!known) return [];
    const nodeKeys = known.nodeKeys.map(({ key, validFrom, validTo }) => ({
      ...{ key, validFrom, validTo },
    }));
    return [{ id: known.id, kind: known.kind, status: known.status, nodeKeys }];
  });
  const { chainId, memberRegistry, listingRegistry } = from.registry;
  return {
    registry: {
      chainId,
      memberRegistry: lowerCase(memberRegistry),
      listingRegistry: lowerCase(listingRegistry),
      blockNumber: directory.blockNumber.toString(),
    },
    instrument: { id, symbol, cashSymbol, priceDecimals, quantityDecimals, tickSize, lotSize },
    ...{ members, listings },
  };
}

/** Makes extracts, each once for as long as its directory stands. */
export function createExtractCache(from: {
  readonly home: MemberId;
  readonly registry: RegistrySource;
}): (directory: Directory, instrument: InstrumentId) => NamedExtract | undefined {
  const made = new WeakMap<Directory, Map<InstrumentId, NamedExtract>>();
  return (directory, instrument) => {
    let known = made.get(directory);
    if (!known) {
      known = new Map();
      made.set(directory, known);
    }
    const before = known.get(instrument);
    if (before) return before;
    const extract = extractOf(directory, instrument, from);
    if (!extract) return undefined;
    const bytes = Buffer.from(canonicalJson(extract));
    const named = { extract, bytes, hash: sha256Hex(bytes) };
    known.set(instrument, named);
    return named;
  };
}

/** The instrument as far as quotes are judged by it; the rest is not in the extract, and not asked for. */
export function instrumentOf({ instrument }: DirectoryExtract): Instrument {
  const token = instrumentParts(instrument.id)?.token ?? '0x';
  return {
    ...instrument,
    ...{ token, standard: 'ERC-3643', name: instrument.symbol, isin: '', issuer: '' },
    ...{ tokenDecimals: 0, cashToken: '0x', cashDecimals: 0 },
  };
}

function lowerCase(address: string): `0x${string}` {
  return address.toLowerCase() as `0x${string}`;
}
