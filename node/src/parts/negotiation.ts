import { createNegotiation, type Negotiation } from '../negotiation/negotiation.ts';
import type { NegotiationNeeds } from '../negotiation/negotiation-needs.ts';
import { DEFAULT_NEGOTIATION_RULES } from '../negotiation/negotiation-rules.ts';
import type { Base } from './base.ts';
import type { Chain } from './chain.ts';
import type { NetworkPart } from './network.ts';

/** Requests for quote, of this node's members and to them. */
export function negotiate(
  { config, logger, nowMs }: Base,
  {
    chain: { directory },
    network: { observer },
    ...needs
  }: Pick<
    NegotiationNeeds,
    'database' | 'sessions' | 'terms' | 'capabilities' | 'newCode' | 'orders'
  > & {
    readonly chain: Chain;
    readonly network: NetworkPart;
  },
): Negotiation {
  return createNegotiation({
    ...{ ...needs, directory, logger, nowMs, venue: config.STOA_VENUE },
    market: observer.market,
    accounts: config.STOA_ACCOUNTS_FILE,
    rules: config.STOA_RFQ_FILE ?? DEFAULT_NEGOTIATION_RULES,
  });
}
