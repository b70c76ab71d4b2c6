import type { VenueAdapter } from '@stoa/adapters';
import { isRefusal, type Refusal } from '@stoa/schema';
import type { Caller } from '../../orders/blotter/order-view.ts';
import type { LinkNetwork } from '../../orders/testing/link-network.ts';
import type { TestMarket } from '../../orders/testing/test-market.ts';
import { BROKER_WALLET, INSTRUMENT, OTHER_WALLET } from '../../orders/testing/test-network.ts';
import { TestNode, type TestNodeOptions } from '../../orders/testing/test-node.ts';
import type { QuoteRequestInput } from '../home-requests.ts';
import { createNegotiation, type Negotiation } from '../negotiation.ts';
import { DEFAULT_NEGOTIATION_RULES, type NegotiationRules } from '../negotiation-rules.ts';
import type { QuoteInput } from '../quote-answers.ts';
import type { QuoteRequestView } from '../quote-rows.ts';
import type { GivenQuoteRow } from '../quote-terms.ts';

export interface QuoteNodeOptions
  extends Pick<TestNodeOptions, 'venue' | 'directory' | 'checkOrder' | 'limits'> {
  readonly network: LinkNetwork;
  readonly market: TestMarket;
  readonly rules?: Partial<NegotiationRules>;
}

/** A node that negotiates, over a real store; it can be killed and started again. */
export class QuoteNode {
  readonly #options: QuoteNodeOptions;
  negotiation!: Negotiation;
  node!: TestNode;
  #asked = 0;

  private constructor(options: QuoteNodeOptions) {
    this.#options = options;
  }

  static async open(
    url: string,
    options: QuoteNodeOptions,
    adapter: VenueAdapter,
  ): Promise<QuoteNode> {
    const made = new QuoteNode(options);
    const { rules, ...given } = options;
    made.node = await TestNode.open(
      url,
      {
        ...given,
        quotes: (parts) => {
          made.negotiation = createNegotiation({
            ...{ ...parts, venue: options.venue },
            rules: { ...DEFAULT_NEGOTIATION_RULES, ...rules },
          });
          return made.negotiation.desk;
        },
      },
      adapter,
    );
    made.negotiation.start();
    return made;
  }

  /** Starts with nothing but the store, as after a crash. */
  async restart(adapter: VenueAdapter): Promise<void> {
    await this.negotiation.stop();
    await this.node.start(adapter);
    this.negotiation.start();
  }

  caller(member = 'broker'): Caller {
    return { member, home: this.#options.venue, scopes: new Set() };
  }

  /** A request of the broker to buy 100, for a minute, and what the test wants otherwise. */
  async tryRequest(other: Partial<QuoteRequestInput> = {}, member = 'broker') {
    this.#asked += 1;
    return this.negotiation.request(this.caller(member), {
      clientRequestId: `ask-${this.#asked}`,
      instrument: INSTRUMENT.id,
      account: member === 'broker' ? BROKER_WALLET : OTHER_WALLET,
      ...{ side: 'buy', quantity: 100, expireAtMs: Date.now() + 60_000, venues: undefined },
      ...other,
    });
  }

  async request(other: Partial<QuoteRequestInput> = {}): Promise<QuoteRequestView> {
    return taken(await this.tryRequest(other)).request;
  }

  /** A quote of the other broker to sell 100 at 1,000, for half a minute, and what the test wants. */
  trySubmit(requestId: string, other: Partial<QuoteInput> = {}, member = 'other') {
    this.#asked += 1;
    return this.negotiation.submit(this.caller(member), {
      clientQuoteId: `quote-${this.#asked}`,
      ...{ requestId, account: OTHER_WALLET, validUntilMs: Date.now() + 30_000 },
      offer: { price: 1_000, quantity: 100 },
      ...other,
    });
  }

  async submit(requestId: string, other: Partial<QuoteInput> = {}): Promise<GivenQuoteRow> {
    return taken(await this.trySubmit(requestId, other));
  }

  tryAccept(quoteId: string, clientOrderId = `take-${quoteId}`, side?: 'buy' | 'sell') {
    return this.negotiation.accept(this.caller(), { clientOrderId, quoteId, side });
  }

  async accept(quoteId: string, clientOrderId?: string) {
    return taken(await this.tryAccept(quoteId, clientOrderId)).order;
  }

  async view(id: string): Promise<QuoteRequestView> {
    const found = await this.negotiation.find('broker', { id });
    if (!found) throw new Error(`no request ${id}`);
    return found;
  }

  async close(): Promise<void> {
    await this.negotiation.stop();
    await this.node.close();
  }
}

/** What was not refused. */
export function taken<T>(answer: T | Refusal): T {
  if (isRefusal(answer)) throw new Error(`refused: ${answer.code}`);
  return answer;
}
