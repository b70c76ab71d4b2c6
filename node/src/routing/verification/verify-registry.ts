import { z } from 'zod';
import { type DirectoryExtract, directoryExtract } from '../receipts/receipt.ts';
import type { Findings } from './verification.ts';

/** Name and version of the format of a registry export. */
export const REGISTRY_FORMAT = 'stoa-registry/1';

const { members, listings, registry } = directoryExtract.shape;

/** The registries as somebody trusted has read them: what the keys of a receipt are held against. */
export const registryExport = z.strictObject({
  format: z.literal(REGISTRY_FORMAT),
  registry,
  members,
  listings: z.array(listings.element.extend({ instrument: z.string().max(200) })).max(1_000_000),
});

export type RegistryExport = z.output<typeof registryExport>;

/** Says whose keys were used, and holds them against the registry where that is given. */
export function verifyRegistry(
  extracts: Iterable<DirectoryExtract>,
  pinned: RegistryExport | undefined,
  findings: Findings,
): void {
  const subject = 'registry';
  for (const extract of extracts) {
    const { chainId, memberRegistry, listingRegistry, blockNumber } = extract.registry;
    const where = `chain ${chainId}, members ${memberRegistry}, listings ${listingRegistry}, block ${blockNumber}`;
    if (!pinned) {
      const names = extract.members.map(({ id }) => id).join(', ');
      const text = `The keys of ${names} are taken from the receipt, which says that they stand in the registry (${where}). Hold them against it with --keys or --rpc.`;
      findings.stated(subject, text);
      continue;
    }
    if (holdAgainst(extract, pinned, findings)) {
      findings.proven(subject, `Every key in the receipt is the registry’s (${where}).`);
    }
  }
}

function holdAgainst(
  extract: DirectoryExtract,
  pinned: RegistryExport,
  findings: Findings,
): boolean {
  const subject = 'registry';
  const before = findings.failures;
  const { chainId, memberRegistry, listingRegistry } = pinned.registry;
  const said = extract.registry;
  const isSame =
    said.chainId === chainId &&
    said.memberRegistry === memberRegistry &&
    said.listingRegistry === listingRegistry;
  if (!isSame) {
    findings.failed(
      subject,
      'REGISTRY_DIFFERS',
      'The receipt names other registries than the given ones.',
    );
    return false;
  }
  for (const member of extract.members) {
    const known = pinned.members.find(({ id }) => id === member.id);
    const foreign = member.nodeKeys.filter(
      ({ key, validFrom }) =>
        !known?.nodeKeys.some((each) => each.key === key && each.validFrom === validFrom),
    );
    if (known?.kind === member.kind && foreign.length === 0) continue;
    const text = `The registry does not know ${member.id} with the keys that the receipt gives it.`;
    findings.failed(subject, 'KEY_NOT_REGISTERED', text);
  }
  const ours = pinned.listings.filter(({ instrument }) => instrument === extract.instrument.id);
  const isAtOnce = pinned.registry.blockNumber === said.blockNumber;
  for (const { venue, status } of ours) {
    const listing = extract.listings.find((each) => each.venue === venue);
    if (listing && (listing.status === status || !isAtOnce)) continue;
    if (isAtOnce) {
      const text = `At this block ${venue} was ${status} in the registry, and the receipt says otherwise.`;
      findings.failed(subject, 'LISTING_DIFFERS', text);
    } else {
      const text = `The registry knows a listing at ${venue} that the receipt does not have; it was read at another block.`;
      findings.stated(subject, text);
    }
  }
  return findings.failures === before;
}
