export {
  type Anvil,
  type AnvilOptions,
  localChainId,
  startAnvil,
} from '@stoa/contracts/testing/anvil';
