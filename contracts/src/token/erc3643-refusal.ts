import { type Address, type Client, encodeAbiParameters, keccak256 } from 'viem';
import { multicall, readContract } from 'viem/actions';
import {
  claimHolderAbi,
  claimIssuerAbi,
  claimTopicsRegistryAbi,
  complianceAbi,
  complianceModuleAbi,
  identityRegistryAbi,
  trustedIssuersRegistryAbi,
} from './erc3643-abi.ts';
import type { Eligibility } from './permissioned-token.ts';

/** The contracts to which an ERC-3643 token delegates its decisions. */
export interface TokenRegistries {
  readonly identityRegistry: Address;
  readonly compliance: Address;
}

interface Claim {
  readonly issuer: Address;
  readonly signature: `0x${string}`;
  readonly data: `0x${string}`;
}

/**
 * Finds out why `isVerified` said no. Only refusals come here, so that the several rounds of calls
 * that this takes (each needs the answers of the one before) cost the eligible nothing.
 */
export async function explainClaims(
  client: Client,
  holder: { readonly identityRegistry: Address; readonly identity: Address },
  wallet: Address,
  topicNames: Readonly<Record<string, string>>,
): Promise<Eligibility> {
  const registry = { address: holder.identityRegistry, abi: identityRegistryAbi } as const;
  const [topicsRegistry, issuersRegistry] = await multicall(client, {
    deployless: true,
    allowFailure: false,
    contracts: [
      { ...registry, functionName: 'topicsRegistry' },
      { ...registry, functionName: 'issuersRegistry' },
    ],
  });
  const topics = await readContract(client, {
    address: topicsRegistry,
    abi: claimTopicsRegistryAbi,
    functionName: 'getClaimTopics',
  });
  for (const topic of topics) {
    const issuers = await readContract(client, {
      address: issuersRegistry,
      abi: trustedIssuersRegistryAbi,
      functionName: 'getTrustedIssuersForClaimTopic',
      args: [topic],
    });
    const name = topicNames[topic.toString()];
    const label = name === undefined ? `topic ${topic}` : `“${name}” (topic ${topic})`;
    const claims = await claimsFrom(client, holder.identity, topic, issuers);
    if (claims.length === 0) {
      return {
        eligible: false,
        code: 'CLAIM_MISSING',
        message: `The identity of ${wallet} has no claim ${label} from a trusted issuer.`,
      };
    }
    if (!(await hasValid(client, holder.identity, topic, claims))) {
      return {
        eligible: false,
        code: 'CLAIM_INVALID',
        message: `The claim ${label} on the identity of ${wallet} is not valid (revoked, or not signed by its issuer).`,
      };
    }
  }
  return {
    eligible: false,
    code: 'IDENTITY_NOT_VERIFIED',
    message: `The token's identity registry does not verify the wallet ${wallet}.`,
  };
}

async function claimsFrom(
  client: Client,
  identity: Address,
  topic: bigint,
  issuers: readonly Address[],
): Promise<Claim[]> {
  const results = await multicall(client, {
    deployless: true,
    contracts: issuers.map(
      (issuer) =>
        ({
          address: identity,
          abi: claimHolderAbi,
          functionName: 'getClaim',
          // ERC-735: the id of a claim is keccak256(issuer, topic).
          args: [
            keccak256(
              encodeAbiParameters([{ type: 'address' }, { type: 'uint256' }], [issuer, topic]),
            ),
          ],
        }) as const,
    ),
  });
  return results.flatMap((entry) => {
    if (entry.status !== 'success') return [];
    const [found, , issuer, signature, data] = entry.result;
    return found === topic ? [{ issuer, signature, data }] : [];
  });
}

async function hasValid(
  client: Client,
  identity: Address,
  topic: bigint,
  claims: readonly Claim[],
): Promise<boolean> {
  const results = await multicall(client, {
    deployless: true,
    contracts: claims.map(
      (claim) =>
        ({
          address: claim.issuer,
          abi: claimIssuerAbi,
          functionName: 'isClaimValid',
          args: [identity, topic, claim.signature, claim.data],
        }) as const,
    ),
  });
  return results.some((entry) => entry.status === 'success' && entry.result);
}

/** Names the compliance module that said no, where the compliance contract has modules. */
export async function explainCompliance(
  client: Client,
  compliance: Address,
  transfer: { readonly from: Address; readonly to: Address; readonly quantity: bigint },
): Promise<Eligibility> {
  const { from, to, quantity } = transfer;
  const refused = {
    eligible: false,
    code: 'COMPLIANCE_REFUSED',
    message: `The token's compliance rules refuse the transfer of ${quantity} from ${from} to ${to}.`,
  } as const;
  const [modules] = await multicall(client, {
    deployless: true,
    contracts: [{ address: compliance, abi: complianceAbi, functionName: 'getModules' }],
  });
  // A compliance contract without modules is within the standard; it just stays unnamed.
  if (modules.status !== 'success') return refused;
  const answers = await multicall(client, {
    deployless: true,
    contracts: modules.result.flatMap(
      (address) =>
        [
          {
            address,
            abi: complianceModuleAbi,
            functionName: 'moduleCheck',
            args: [from, to, quantity, compliance],
          },
          { address, abi: complianceModuleAbi, functionName: 'name' },
        ] as const,
    ),
  });
  const culprits = modules.result.flatMap((address, index) => {
    const name = answers[2 * index + 1]?.result;
    return answers[2 * index]?.result === true ? [] : [typeof name === 'string' ? name : address];
  });
  if (culprits.length === 0) return refused;
  return {
    ...refused,
    message: `The token's compliance rules (${culprits.join(', ')}) refuse the transfer of ${quantity} from ${from} to ${to}.`,
  };
}
