import { parseAbi } from 'viem';

/** The parts of ERC-3643 (CC0, https://eips.ethereum.org/EIPS/eip-3643) that pre-trade checks read. */
export const erc3643TokenAbi = parseAbi([
  'function paused() view returns (bool)',
  'function isFrozen(address wallet) view returns (bool)',
  'function getFrozenTokens(address wallet) view returns (uint256)',
  'function balanceOf(address wallet) view returns (uint256)',
  'function allowance(address owner, address spender) view returns (uint256)',
  'function identityRegistry() view returns (address)',
  'function compliance() view returns (address)',
]);

export const identityRegistryAbi = parseAbi([
  'function identity(address wallet) view returns (address)',
  'function isVerified(address wallet) view returns (bool)',
  'function topicsRegistry() view returns (address)',
  'function issuersRegistry() view returns (address)',
]);

export const claimTopicsRegistryAbi = parseAbi([
  'function getClaimTopics() view returns (uint256[])',
]);

export const trustedIssuersRegistryAbi = parseAbi([
  'function getTrustedIssuersForClaimTopic(uint256 topic) view returns (address[])',
]);

export const complianceAbi = parseAbi([
  'function canTransfer(address from, address to, uint256 amount) view returns (bool)',
  // Modular compliance, beyond the ERC's text; asked only to name the culprit.
  'function getModules() view returns (address[])',
]);

export const complianceModuleAbi = parseAbi([
  'function moduleCheck(address from, address to, uint256 value, address compliance) view returns (bool)',
  'function name() view returns (string)',
]);

/** ERC-735 claim holder (an investor's identity contract) and the claim issuer's validity check. */
export const claimHolderAbi = parseAbi([
  'function getClaim(bytes32 claimId) view returns (uint256 topic, uint256 scheme, address issuer, bytes signature, bytes data, string uri)',
]);

export const claimIssuerAbi = parseAbi([
  'function isClaimValid(address identity, uint256 topic, bytes signature, bytes data) view returns (bool)',
]);
