import type { Price, Quantity } from '@stoa/schema';
import type { EngineOrder, OrderRef } from './engine-types.ts';
import type { MatchingEngine } from './matching-engine.ts';

/** Everything that can be asked of an engine, as a value: what a journal keeps and replays. */
export type EngineOperation =
  | { readonly kind: 'submit'; readonly order: EngineOrder }
  | { readonly kind: 'cancel'; readonly ref: OrderRef }
  | { readonly kind: 'reduce' | 'reopen'; readonly ref: OrderRef; readonly by: Quantity }
  | {
      readonly kind: 'replace';
      readonly ref: OrderRef;
      readonly by: { readonly ref: OrderRef; readonly price: Price; readonly quantity: Quantity };
    }
  | { readonly kind: 'expire'; readonly atMs: number; readonly endOfDay: boolean }
  | { readonly kind: 'uncross'; readonly reference: Price | undefined }
  | { readonly kind: 'halt' | 'resume' | 'close' | 'start-auction' };

/** Whatever takes the operations of an engine. */
export type OperationTarget = Pick<
  MatchingEngine,
  | 'submit'
  | 'cancel'
  | 'reduce'
  | 'reopen'
  | 'replace'
  | 'expire'
  | 'uncross'
  | 'halt'
  | 'resume'
  | 'close'
  | 'startAuction'
>;

/** Does it. False: the engine refused it. */
export function applyOperation(engine: OperationTarget, operation: EngineOperation): boolean {
  switch (operation.kind) {
    case 'submit':
      return engine.submit(operation.order);
    case 'cancel':
      return engine.cancel(operation.ref);
    case 'reduce':
      return engine.reduce(operation.ref, operation.by);
    case 'reopen':
      return engine.reopen(operation.ref, operation.by);
    case 'replace':
      return engine.replace(operation.ref, operation.by);
    case 'uncross':
      return engine.uncross(operation.reference);
    case 'expire':
      engine.expire(operation.atMs, operation.endOfDay);
      return true;
    case 'halt':
      engine.halt();
      return true;
    case 'resume':
      engine.resume();
      return true;
    case 'close':
      engine.close();
      return true;
    case 'start-auction':
      engine.startAuction();
      return true;
  }
}
