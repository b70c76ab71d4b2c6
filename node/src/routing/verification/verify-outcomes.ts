import { formatDecimal, type OrderMessageBody, type Side } from '@stoa/schema';
import { canonicalJson } from '../receipts/canonical-json.ts';
import type { DirectoryExtract, OutcomeBody, ReceiptLeg } from '../receipts/receipt.ts';
import type { Findings } from './verification.ts';
import type { EvidenceFile } from './verify-evidence.ts';

/** A leg of an earlier decision. */
export interface DecidedLeg {
  readonly leg: ReceiptLeg;
  readonly side: Side;
  /** The directory extract of its decision. */
  readonly extract: DirectoryExtract;
}

interface OutcomeContext {
  readonly evidence: EvidenceFile;
  readonly findings: Findings;
  readonly home: string;
}

/** What came of one leg so far. */
interface Tally {
  readonly decided: DecidedLeg;
  quantity: number;
  /** The worst limit it ever had. */
  limitPrice: number;
  readonly fills: Map<string, { readonly price: number; readonly quantity: number }>;
  readonly busted: Set<string>;
  saidFilled: number | undefined;
  ended: string | undefined;
  wasToldByVenue: boolean;
  isSilent: boolean;
}

/** Verifies what venues said of legs, and adds it up. */
export class OutcomeLedger {
  readonly #context: OutcomeContext;
  readonly #tallies = new Map<string, Tally>();
  readonly #executions = new Map<string, string>();
  /** Legs that are shown as they were sent. */
  readonly #sent = new Set<string>();

  constructor(context: OutcomeContext) {
    this.#context = context;
  }

  /** Takes a leg that was decided. */
  open(decided: DecidedLeg): void {
    const { leg } = decided;
    if (this.#tallies.has(leg.id)) {
      return this.#fail(leg.id, 'LEG_REPEATED', 'The leg is decided twice.');
    }
    this.#tallies.set(leg.id, {
      ...{ decided, quantity: leg.quantity, limitPrice: leg.limitPrice },
      ...{ fills: new Map(), busted: new Set(), saidFilled: undefined, ended: undefined },
      ...{ wasToldByVenue: false, isSilent: false },
    });
  }

  /** Takes an outcome revision. */
  take(body: OutcomeBody): void {
    for (const report of body.reports) {
      const tally = this.#tallies.get(report.legId);
      if (!tally || tally.decided.leg.venue !== report.venue) {
        this.#fail(report.legId, 'LEG_UNKNOWN', 'No earlier decision sent this leg to this venue.');
        continue;
      }
      if (report.silent !== undefined) tally.isSilent = true;
      const said = this.#said(report, body, tally);
      if (said) this.#apply(tally, said);
    }
  }

  /** Checks the message in which the home node sent a leg. */
  order(hash: string): void {
    const { evidence, home } = this.#context;
    const opened = evidence.message(hash);
    const told = opened?.message.body;
    if (!opened || told?.kind !== 'leg-new') {
      return this.#fail('as sent', 'EVIDENCE_MISSING', 'A leg as it was sent is not in the file.');
    }
    const { member: _, account: __, legId, side, instrument, ...terms } = told.leg;
    const tally = this.#tallies.get(legId);
    const { message } = opened;
    const isAsDecided =
      tally !== undefined &&
      !this.#sent.has(legId) &&
      message.from === home &&
      message.to === tally.decided.leg.venue &&
      canonicalJson(terms) === canonicalJson(termsOf(tally.decided.leg)) &&
      side === tally.decided.side &&
      instrument === tally.decided.extract.instrument.id &&
      evidence.isSendersMessage(hash, opened, tally.decided.extract);
    if (!isAsDecided) {
      return this.#fail(legId, 'ORDER_DIFFERS', 'The leg was sent otherwise than it was decided.');
    }
    this.#sent.add(legId);
    this.#context.findings.proven(
      `leg ${legId}`,
      `It was sent to ${message.to} as decided, signed by ${home}.`,
    );
  }

  /** Says what every leg came to. */
  close(): void {
    for (const [legId, tally] of this.#tallies) this.#close(legId, tally);
  }

  /** What a report says, if who says it signed it. */
  #said(
    { legId, venue, message: hash, own }: OutcomeBody['reports'][number],
    body: OutcomeBody,
    tally: Tally,
  ): OrderMessageBody | undefined {
    const { evidence, home } = this.#context;
    if (own) {
      if (venue === home) return own;
      this.#fail(legId, 'SIGNATURE_MISSING', `${venue} did not sign what is said of it.`);
      return undefined;
    }
    if (hash === undefined) return undefined;
    const opened = evidence.message(hash);
    if (!opened) {
      this.#fail(legId, 'EVIDENCE_MISSING', 'A message of the venue is not in the file.');
      return undefined;
    }
    const { message } = opened;
    const now = evidence.directory(body.directory);
    const isSigned =
      message.from === venue &&
      message.to === home &&
      ((now !== undefined && evidence.isSendersMessage(hash, opened, now)) ||
        evidence.isSendersMessage(hash, opened, tally.decided.extract));
    if (!isSigned) {
      this.#fail(legId, 'SIGNATURE_INVALID', `A message about it is not signed by ${venue}.`);
      return undefined;
    }
    tally.wasToldByVenue = true;
    return message.body;
  }

  #apply(tally: Tally, said: OrderMessageBody): void {
    const { id } = tally.decided.leg;
    if (!('legId' in said) || said.legId !== id) {
      return this.#fail(id, 'REPORT_OF_ANOTHER', 'A message shown for this leg is about another.');
    }
    switch (said.kind) {
      case 'leg-executed':
      case 'leg-trade-corrected':
        return this.#executed(tally, said);
      case 'leg-trade-busted':
        tally.busted.add(said.executionId);
        return undefined;
      case 'leg-replaced':
        tally.quantity = Math.max(tally.quantity, said.quantity);
        tally.limitPrice = worse(tally, said.limitPrice);
        return undefined;
      case 'leg-rejected':
        tally.saidFilled = 0;
        tally.ended = `rejected it (${said.code})`;
        return undefined;
      case 'leg-done':
        tally.saidFilled = said.filled;
        tally.ended = `ended it as ${said.state}`;
        return undefined;
      default:
        return undefined;
    }
  }

  #executed(
    tally: Tally,
    { execution }: Extract<OrderMessageBody, { kind: 'leg-executed' | 'leg-trade-corrected' }>,
  ): void {
    const { leg, side, extract } = tally.decided;
    const { venue, instrument, executionId, price, quantity } = execution;
    const name = `${venue}/${executionId}`;
    const other = this.#executions.get(name) ?? leg.id;
    if (venue !== leg.venue || instrument !== extract.instrument.id || other !== leg.id) {
      return this.#fail(
        leg.id,
        'EXECUTION_OF_ANOTHER',
        `Execution ${executionId} is not the leg’s.`,
      );
    }
    const isWithin = side === 'buy' ? price <= tally.limitPrice : price >= tally.limitPrice;
    if (!isWithin) {
      return this.#fail(
        leg.id,
        'PRICE_WORSE_THAN_LIMIT',
        `Execution ${executionId} is beyond the limit.`,
      );
    }
    this.#executions.set(name, leg.id);
    tally.fills.set(executionId, { price, quantity });
  }

  #close(legId: string, tally: Tally): void {
    const { findings, home } = this.#context;
    const subject = `leg ${legId}`;
    const { leg, extract } = tally.decided;
    const executed = sum([...tally.fills.values()].map(({ quantity }) => quantity));
    if (executed > BigInt(tally.quantity)) {
      return this.#fail(legId, 'OVERFILLED', 'More was executed than the leg was for.');
    }
    const said = tally.saidFilled;
    if (said !== undefined && executed > BigInt(said)) {
      return this.#fail(
        legId,
        'FILLED_CONTRADICTS',
        'More was executed than the venue says it filled.',
      );
    }
    if (tally.wasToldByVenue && !this.#sent.has(legId)) {
      return this.#fail(legId, 'ORDER_MISSING', 'The leg as it was sent is not in the file.');
    }
    const inUnits = (quantity: bigint) =>
      formatDecimal(quantity, extract.instrument.quantityDecimals);
    const amount = `${inUnits(executed)} of ${inUnits(BigInt(leg.quantity))} executed at ${leg.venue}`;
    const whose = leg.venue === home ? `${home}, its home and venue in one` : leg.venue;
    if (tally.fills.size > 0 || tally.ended !== undefined) {
      const ended = tally.ended === undefined ? '' : `; the venue ${tally.ended}`;
      findings.proven(subject, `${amount} within the limit${ended}: signed by ${whose}.`);
    } else {
      findings.stated(
        subject,
        `Nothing is known of it at ${leg.venue} beyond that it was decided.`,
      );
    }
    if (tally.isSilent) {
      findings.stated(subject, `${leg.venue} did not answer for a time: the home node’s own word.`);
    }
    if (said !== undefined && executed < BigInt(said)) {
      findings.stated(
        subject,
        `${leg.venue} says that it filled ${inUnits(BigInt(said))}; not all of it is shown here.`,
      );
    }
    const busted = [...tally.busted].filter((id) => tally.fills.has(id));
    if (busted.length > 0) {
      findings.proven(subject, `Undone later by ${leg.venue}: ${busted.join(', ')}.`);
    }
  }

  #fail(legId: string, code: string, text: string): void {
    this.#context.findings.failed(`leg ${legId}`, code, text);
  }
}

/** What was asked for, as the message that sent it says it. */
function termsOf(leg: ReceiptLeg): object {
  const { timeInForce, quantity, limitPrice, minQuantity, allOrNone, expireAtMs } = leg;
  return { timeInForce, quantity, limitPrice, minQuantity, allOrNone, expireAtMs };
}

function worse(tally: Tally, limitPrice: number): number {
  return tally.decided.side === 'buy'
    ? Math.max(tally.limitPrice, limitPrice)
    : Math.min(tally.limitPrice, limitPrice);
}

function sum(quantities: readonly number[]): bigint {
  return quantities.reduce((total, quantity) => total + BigInt(quantity), 0n);
}
