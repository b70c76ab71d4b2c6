import type { MemberId } from '@stoa/schema';
import type { OrderService } from '../orders/order-service.ts';
import type { SettlementReader } from '../settlement/settlement-reader.ts';

/** What the API asks of the order service. */
export type ApiOrders = Omit<OrderService, 'openOrderCount' | 'start' | 'stop'>;

/** What the API asks of the settlement service. */
export type ApiSettlements = SettlementReader;

/** What the node says of itself. */
export interface ApiNode {
  readonly version: string;
  readonly startedAtMs: number;
  peers(): readonly MemberId[];
  framesPublished(): number;
}
