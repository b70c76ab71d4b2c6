import { readMandateState, readRequiresMandates } from '@stoa/contracts';
import type { InstrumentId, Refusal } from '@stoa/schema';
import { refuse } from '@stoa/schema';
import type { Address, Client } from 'viem';
import type { Logger } from '../../telemetry/logger.ts';
import { lower } from '../batch-composition.ts';
import type { UnsettledTrades } from '../unsettled-fills.ts';
import type { RegisteredMandate } from './kept-mandates.ts';
import type { MandateRegister } from './mandate-register.ts';
import {
  checkWithinMandate,
  type MandatedOrder,
  type MandateRefusalCode,
  mandateRequired,
} from './mandate-rules.ts';

/** Why the gate refuses an order for its investor's mandate. */
export type MandateGateCode = MandateRefusalCode | 'CHECK_UNAVAILABLE';

/** Holds orders against their investors' mandates. */
export interface MandateChecks {
  /**
   * @param openUnits what other open orders of the account may trade on this side, in the token's
   * smallest unit
   */
  checkOrder(
    order: MandatedOrder,
    openUnits: bigint,
  ): Promise<Refusal<MandateGateCode> | undefined>;
}

export interface MandateGateOptions {
  readonly settlement: Address;
  /** Where this venue wants a mandate for every order: instruments, or all of them. */
  readonly requiredFor: ReadonlySet<InstrumentId> | 'all';
}

export interface MandateGateNeeds {
  readonly client: Client;
  readonly register: Pick<MandateRegister, 'active'>;
  readonly unsettled: Pick<UnsettledTrades, 'traded' | 'tradedNow'>;
  readonly logger: Logger;
  readonly nowMs: () => number;
}

/** So long an account's declaration is not read again; the contract decides in any case. */
const declaredForMs = 1_000;
/** Up to this age it serves while it is read again: an account that trades on does not wait for it. */
const usableForMs = 2_000;
const maxAccounts = 10_000;

/** What an account said on chain. */
interface Declaration {
  readonly askedAtMs: number;
  readonly isRequired: boolean;
}

/**
 * An order whose account has a mandate stays within it, with all that is open and unsettled beside it;
 * one without may go where neither the account (on chain) nor this venue requires one.
 */
export class MandateGate implements MandateChecks {
  readonly #options: MandateGateOptions;
  readonly #needs: MandateGateNeeds;
  readonly #declared = new Map<string, Declaration>();
  readonly #reading = new Map<string, Promise<boolean>>();

  constructor(options: MandateGateOptions, needs: MandateGateNeeds) {
    this.#options = options;
    this.#needs = needs;
  }

  async checkOrder(order: MandatedOrder, openUnits: bigint) {
    const { account, side, instrument } = order;
    const { token, cashToken } = instrument;
    const mandate = this.#needs.register.active({ investor: account, side, token, cashToken });
    try {
      if (mandate) return await this.#checkWithin(order, mandate, openUnits);
      return (await this.#isRequired(order)) ? mandateRequired() : undefined;
    } catch (error) {
      // The first line only: the rest names the RPC's address, which may hold an access key.
      const [reason] = (error instanceof Error ? error.message : String(error)).split('\n');
      this.#needs.logger.warn({ reason, instrument: instrument.id }, 'mandate check failed');
      const message = 'The chain could not be asked about the investor’s mandate.';
      return refuse('CHECK_UNAVAILABLE', message, 'Try again in a few seconds.');
    }
  }

  async #checkWithin(order: MandatedOrder, { signed }: RegisteredMandate, openUnits: bigint) {
    const { client, unsettled, nowMs } = this.#needs;
    const { mandate } = signed;
    const nowS = Math.floor(nowMs() / 1_000);
    const { account, side, instrument } = order;
    // Before the chain is asked: what settles meanwhile counts twice then, and never not at all.
    const traded = unsettled.traded(account, instrument.token, side);
    const state = await readMandateState(client, this.#options.settlement, mandate);
    if (state.withdrawn) {
      const message = 'The investor withdrew the mandate on chain.';
      return refuse(
        'MANDATE_IS_WITHDRAWN',
        message,
        'Register another mandate, or revoke this one.',
      );
    }
    const usedAndOpen = state.filled + openUnits + traded;
    const refused = checkWithinMandate(order, mandate, { usedAndOpen, nowS });
    if (refused?.code !== 'MANDATE_QUANTITY_EXCEEDED' || traded === 0n) return refused;
    // What is mined is in the contract's count already, and not to be counted a second time.
    const tradedNow = await unsettled.tradedNow(account, instrument.token, side);
    const now = await readMandateState(client, this.#options.settlement, mandate);
    return checkWithinMandate(order, mandate, {
      ...{ usedAndOpen: now.filled + openUnits + tradedNow, nowS },
    });
  }

  #isRequired({ account, instrument }: MandatedOrder): Promise<boolean> | boolean {
    const { requiredFor } = this.#options;
    if (requiredFor === 'all' || requiredFor.has(instrument.id)) return true;
    const key = lower(account);
    const known = this.#declared.get(key);
    const ageMs = known ? this.#needs.nowMs() - known.askedAtMs : Number.POSITIVE_INFINITY;
    if (known && ageMs < declaredForMs) return known.isRequired;
    if (!known || ageMs >= usableForMs) return this.#read(key, account);
    // Once this order has gone on its way.
    setImmediate(() => void this.#read(key, account));
    return known.isRequired;
  }

  #read(key: string, account: Address): Promise<boolean> {
    const before = this.#reading.get(key);
    if (before) return before;
    const askedAtMs = this.#needs.nowMs();
    const { client } = this.#needs;
    const reading = readRequiresMandates(client, this.#options.settlement, account)
      .then((isRequired) => {
        if (this.#declared.size >= maxAccounts) this.#declared.clear();
        this.#declared.set(key, { askedAtMs, isRequired });
        return isRequired;
      })
      .finally(() => this.#reading.delete(key));
    this.#reading.set(key, reading);
    // Whoever waits for it hears of a failure, and whoever comes next asks again.
    reading.catch(() => undefined);
    return reading;
  }
}
