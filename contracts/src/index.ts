export * from './account-signature.ts';
export * from './directory-watcher.ts';
export { cashTokenAbi, cashTokenBytecode } from './generated/cash-token.ts';
export {
  jurisdictionModuleAbi,
  jurisdictionModuleBytecode,
} from './generated/jurisdiction-module.ts';
export { listingRegistryAbi, listingRegistryBytecode } from './generated/listing-registry.ts';
export {
  maximumHoldersModuleAbi,
  maximumHoldersModuleBytecode,
} from './generated/maximum-holders-module.ts';
export { memberRegistryAbi, memberRegistryBytecode } from './generated/member-registry.ts';
export { preTradeLensAbi, preTradeLensBytecode } from './generated/pre-trade-lens.ts';
export { rule144ModuleAbi, rule144ModuleBytecode } from './generated/rule144-module.ts';
export { settlementAbi, settlementBytecode } from './generated/settlement.ts';
export {
  transferLimitsModuleAbi,
  transferLimitsModuleBytecode,
} from './generated/transfer-limits-module.ts';
export { venueOnlyModuleAbi, venueOnlyModuleBytecode } from './generated/venue-only-module.ts';
export * from './mandate-state.ts';
export * from './member-slug.ts';
export * from './onchain-amount.ts';
export * from './registry-reader.ts';
export * from './revert-reason.ts';
export * from './settlement-batch.ts';
export * from './settlement-domain.ts';
export * from './settlement-gas.ts';
export * from './settlement-log.ts';
export * from './settlement-mandate.ts';
export * from './settlement-netting.ts';
export * from './settlement-reversal.ts';
export * from './token/permissioned-token.ts';
export { createPermissionedToken } from './token/token-standards.ts';
