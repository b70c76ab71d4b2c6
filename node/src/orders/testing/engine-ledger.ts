import { PassingVenue, type Receipt, type VenueEvent, type VenueRequest } from '@stoa/adapters';
import type { Quantity } from '@stoa/schema';

/** What an engine has of an order, by what went into it and came out of it. */
export interface EngineOrder {
  /** The most it may execute in all, whatever was asked and is not answered. */
  readonly most: Quantity;
  readonly executed: Quantity;
  readonly isOpen: boolean;
}

/** A venue's engine with a book kept beside it, which no node and no store has touched. */
export class EngineLedger extends PassingVenue {
  readonly trades: { orderId: string; executionId: string; quantity: Quantity }[] = [];
  /** Told of each request before the engine has it, and of each event before the node has it. */
  onTurn: (turn: VenueRequest | VenueEvent) => void = () => undefined;
  readonly #orders = new Map<string, EngineOrder>();

  of(orderId: string): EngineOrder | undefined {
    return this.#orders.get(orderId);
  }

  /** What the legs of an order have executed here, and what they still may. */
  risk(orderId: string): Quantity {
    return [...this.#orders]
      .filter(([legId]) => legId.startsWith(`${orderId}.`))
      .reduce((sum, [, { most, executed, isOpen }]) => sum + (isOpen ? most : executed), 0);
  }

  override submit(request: VenueRequest): Promise<Receipt> {
    if (request.kind === 'new') {
      const { orderId, quantity } = request.order;
      if (!this.#orders.has(orderId)) {
        this.#orders.set(orderId, { most: quantity, executed: 0, isOpen: true });
      }
    } else if (request.kind === 'replace') {
      const most = Math.max(this.#orders.get(request.orderId)?.most ?? 0, request.quantity);
      this.#change(request.orderId, { most });
    }
    this.onTurn(request);
    return super.submit(request);
  }

  protected override seen(event: VenueEvent): void {
    if (event.kind === 'executed') {
      const { executionId, quantity } = event.execution;
      const { buyOrderId, sellOrderId } = event.parties;
      for (const orderId of [buyOrderId, sellOrderId]) {
        if (orderId === undefined) continue;
        this.trades.push({ orderId, executionId, quantity });
        this.#change(orderId, { executed: (this.of(orderId)?.executed ?? 0) + quantity });
      }
    } else if (event.kind === 'replaced') {
      this.#change(event.orderId, { most: event.quantity });
    } else if (event.kind === 'done' || event.kind === 'rejected') {
      this.#change(event.orderId, { isOpen: false });
    }
    this.onTurn(event);
  }

  #change(orderId: string, to: Partial<EngineOrder>): void {
    const known = this.#orders.get(orderId);
    if (known) this.#orders.set(orderId, { ...known, ...to });
  }
}
