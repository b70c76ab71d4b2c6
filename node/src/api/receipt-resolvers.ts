import type { DirectorySource, InstrumentId, VenueId } from '@stoa/schema';
import type { GraphQLResolveInfo } from 'graphql';
import type { FadeView, ReceiptFilter, ReceiptView } from '../orders/blotter/receipt-blotter.ts';
import { type ApiContext, requireCaller } from './api-context.ts';
import { apiError } from './api-error.ts';
import type { ApiReceipts } from './api-services.ts';
import { createBatchReader } from './batch-reader.ts';
import { venueOf } from './market-output.ts';
import { momentOf } from './order-filters.ts';
import type { OrderOutput, OrderParent } from './order-output.ts';
import { connectionOf, type PageArguments, readPageArguments } from './page-arguments.ts';
import { sdlDateTime } from './sdl-value.ts';

/** What the receipts' part of the API is served from. */
export interface ReceiptNeeds {
  readonly venue: VenueId;
  readonly receipts: ApiReceipts;
  readonly output: OrderOutput;
  readonly directory: DirectorySource;
}

const MAX_DOCUMENTS = 10;

interface ReceiptFilterInput {
  readonly order?: string | null;
  readonly instrument?: InstrumentId | null;
  readonly beganFrom?: string | null;
  readonly beganTo?: string | null;
}

/** Resolvers of the SDL's receipts part. */
export function createReceiptResolvers({ venue, receipts, output, directory }: ReceiptNeeds) {
  const readReceipt = createBatchReader((ids) => receipts.receiptsOf(ids));
  const readFades = createBatchReader((ids) => receipts.fadesOf(ids));
  const documents = new WeakMap<ApiContext, number>();
  /** A document holds every frame it is about: a page of a hundred would be an answer of many megabytes. */
  function countDocument(context: ApiContext, { operation }: GraphQLResolveInfo): void {
    const asked = (documents.get(context) ?? 0) + 1;
    documents.set(context, asked);
    // The context of a stream is that of all its events, and each of them is an answer of its own.
    if (asked <= MAX_DOCUMENTS || operation.operation === 'subscription') return;
    const message = `One operation gives at most ${MAX_DOCUMENTS} documents. Ask for them by order.`;
    throw apiError('OPERATION_TOO_LARGE', message);
  }
  const receiptOutput = (receipt: ReceiptView) => ({
    id: receipt.orderId,
    order: () => output.orderOf(receipt.orderId),
    revisions: receipt.revisions,
    beganAt: sdlDateTime(receipt.beganAtMs),
    updatedAt: sdlDateTime(receipt.updatedAtMs),
    // Frames and signatures: large, and made only where somebody asks.
    async document(_args: unknown, context: ApiContext, info: GraphQLResolveInfo) {
      countDocument(context, info);
      return receipts.document(receipt.orderId);
    },
  });
  const fadeOutput = (fade: FadeView) => ({
    ...{ legId: fade.legId, code: fade.code, message: fade.message, proven: fade.proven },
    venue: venueOf(directory.current(), fade.venue),
    foundAt: sdlDateTime(fade.foundAtMs),
    async document(_args: unknown, context: ApiContext, info: GraphQLResolveInfo) {
      countDocument(context, info);
      return (await receipts.fadeDocument(fade.legId)) ?? null;
    },
  });
  return {
    Query: {
      async receipts(
        _root: unknown,
        args: PageArguments & { readonly filter?: ReceiptFilterInput | null },
        context: ApiContext,
      ) {
        const { member } = requireCaller(context, venue, 'orders:read');
        const page = readPageArguments(args);
        return connectionOf(
          receipts.receipts(member, page, readReceiptFilter(args.filter)),
          receiptOutput,
        );
      },
    },
    Order: {
      async receipt({ id }: OrderParent) {
        const found = await readReceipt(id);
        return found ? receiptOutput(found) : null;
      },
      fades: async ({ id }: OrderParent) => ((await readFades(id)) ?? []).map(fadeOutput),
    },
  };
}

function readReceiptFilter(input: ReceiptFilterInput | null | undefined): ReceiptFilter {
  const { order, instrument, beganFrom, beganTo } = input ?? {};
  return {
    ...(order == null ? {} : { orderId: order }),
    ...(instrument == null ? {} : { instrument }),
    ...(beganFrom == null ? {} : { beganFromMs: momentOf(beganFrom) }),
    ...(beganTo == null ? {} : { beganToMs: momentOf(beganTo) }),
  };
}
