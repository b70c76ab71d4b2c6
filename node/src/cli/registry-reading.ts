import { readDirectory } from '@stoa/contracts';
import { CodedError } from '@stoa/schema';
import { createPublicClient, http } from 'viem';
import { REGISTRY_FORMAT, type RegistryExport } from '../routing/verification/verify-registry.ts';

const RPC_TIMEOUT_MS = 10_000;
const ADDRESS = /^0x[0-9a-fA-F]{40}$/;

/**
 * Reads the registries from a chain.
 *
 * @param registries addresses of the member registry and the listing registry, with a comma between
 * @throws CodedError `REGISTRY_ADDRESSES` for other text, `REGISTRY_UNREADABLE` where the chain does not answer
 */
export async function readRegistry(rpc: string, registries: string): Promise<RegistryExport> {
  const [members, listings, ...more] = registries.split(',').map((text) => text.trim());
  if (!isAddress(members) || !isAddress(listings) || more.length > 0) {
    throw new CodedError(
      'REGISTRY_ADDRESSES',
      'Give two addresses with a comma between: the member registry and the listing registry.',
    );
  }
  const client = createPublicClient({
    transport: http(rpc, { timeout: RPC_TIMEOUT_MS, retryCount: 0 }),
    cacheTime: 0,
  });
  try {
    const addresses = { memberRegistry: members, listingRegistry: listings };
    const [chainId, directory] = await Promise.all([
      client.getChainId(),
      readDirectory(client, addresses),
    ]);
    return {
      format: REGISTRY_FORMAT,
      registry: {
        chainId,
        memberRegistry: lowerCase(members),
        listingRegistry: lowerCase(listings),
        blockNumber: directory.blockNumber.toString(),
      },
      members: directory.members.map(({ id, kind, status, nodeKeys }) => ({
        ...{ id, kind, status },
        nodeKeys: nodeKeys.map(({ key, validFrom, validTo }) => ({ key, validFrom, validTo })),
      })),
      listings: directory.listings.map(({ instrument, venue, status }) => ({
        ...{ instrument, venue, status },
      })),
    };
  } catch (cause) {
    const [why = ''] = (cause instanceof Error ? cause.message : String(cause)).split('\n');
    throw new CodedError('REGISTRY_UNREADABLE', `The registries cannot be read: ${why}`, { cause });
  }
}

function isAddress(text: string | undefined): text is `0x${string}` {
  return text !== undefined && ADDRESS.test(text);
}

function lowerCase(address: string): string {
  return address.toLowerCase();
}
