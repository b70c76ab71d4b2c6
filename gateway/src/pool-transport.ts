import { apiError, type SubscriptionStreams } from '@stoa/node/market-api';
import type { Logger } from '@stoa/node/observer';
import type { VenueId } from '@stoa/schema';
import { type DocumentNode, GraphQLError, print, stripIgnoredCharacters } from 'graphql';
import { Counter, type Registry } from 'prom-client';
import { callerOf } from './caller-context.ts';
import {
  entityFields,
  entityParts,
  mergeEntities,
  type Representation,
} from './entity-partition.ts';
import type { ForwardedHeaders } from './forwarded-headers.ts';
import type { NodeAddresses } from './node-addresses.ts';
import {
  createNodeClient,
  type NodeAnswer,
  type NodeError,
  type NodeFailure,
  type NodeQuestion,
} from './node-client.ts';
import { subscribeAtNode } from './node-stream.ts';
import { rootResponseKeys } from './selection.ts';

/** One operation of the query plan, as the federation engine hands it to a transport. */
export interface SubgraphRequest {
  readonly document: DocumentNode;
  readonly variables?: Record<string, unknown> | undefined;
  readonly operationType?: string | undefined;
  readonly context?: unknown;
  readonly signal?: AbortSignal | undefined;
}

/** A subgraph's answer. */
export interface SubgraphResult {
  readonly data?: Record<string, unknown> | null;
  readonly errors?: readonly GraphQLError[];
  /** The whole answer as JSON, where a node gave data and nothing else. */
  readonly text?: string | undefined;
}

/** The nodes behind the logical subgraphs, and how long they may take. */
export interface PoolOptions {
  /** Asked anew each time: nodes join, move and leave. */
  readonly nodes: NodeAddresses;
  /** A query to the home node. */
  readonly queryTimeoutMs: number;
  /** A mutation: placing an order waits for checks and the store. */
  readonly mutationTimeoutMs: number;
  /** What a venue's node says of itself; all venues are asked side by side. */
  readonly venueTimeoutMs: number;
  /** A stream of a home node that brings nothing at all for so long is given up. */
  readonly streamSilenceMs: number;
}

/** Timeouts that suit nodes on a wide-area network. */
export const POOL_TIMEOUTS = {
  queryTimeoutMs: 5_000,
  mutationTimeoutMs: 15_000,
  venueTimeoutMs: 2_000,
  streamSilenceMs: 40_000,
};

/** Many nodes as two logical subgraphs. Neither method ever rejects. */
export interface Pool {
  /** Asks the caller's home node, as the caller; a subscription stays open until either side ends it. */
  home(request: SubgraphRequest): Promise<SubgraphResult | AsyncIterable<SubgraphResult>>;
  /** Asks each venue's node about that venue, anonymously and in parallel. */
  venue(request: SubgraphRequest): Promise<SubgraphResult>;
  close(): void;
}

/** What the pool works with. */
export interface PoolNeeds {
  readonly logger: Logger;
  readonly metrics: Registry;
  /** Bounds the streams, and ends them with the gateway. */
  readonly streams: SubscriptionStreams;
  readonly headersFor: ForwardedHeaders;
}

/**
 * Creates the transport that stands between the federation engine and the nodes. A node that is down
 * or late costs its own fields and an error that names it, and nothing else.
 *
 * A caller's orders are at one node only, so nothing fails over to another; a mutation is sent once.
 */
export function createPool(options: PoolOptions, needs: PoolNeeds): Pool {
  const client = createNodeClient();
  const outcomes = new Counter({
    name: 'stoa_gateway_node_requests_total',
    help: 'Operations sent to nodes, by venue and outcome.',
    labelNames: ['venue', 'outcome'] as const,
    registers: [needs.metrics],
  });

  async function ask(venue: VenueId, question: Omit<NodeQuestion, 'url'>): Promise<NodeAnswer> {
    const url = options.nodes.get(venue);
    if (url === undefined) {
      const reason = 'this gateway knows no address of it';
      return { answered: false, reason, mayHaveBeenHeard: false };
    }
    const answer = understood(await client.ask({ ...question, url }));
    outcomes.inc({ venue, outcome: answer.answered ? 'answered' : 'failed' });
    if (!answer.answered) needs.logger.warn({ venue, reason: answer.reason }, 'node unavailable');
    return answer;
  }

  return {
    home: (request) =>
      request.operationType === 'subscription'
        ? watchHome(request, options, needs)
        : askHome(request, options, { ask, headersFor: needs.headersFor }),
    venue: (request) => askVenues(request, options, ask),
    close: () => client.close(),
  };
}

type Ask = (venue: VenueId, question: Omit<NodeQuestion, 'url'>) => Promise<NodeAnswer>;

/** The caller's home node, or why the caller has none. */
function homeOf(request: SubgraphRequest): { readonly home: VenueId } | SubgraphResult {
  const { auth } = callerOf(request.context);
  if (auth.kind === 'caller') return { home: auth.caller.home };
  if (auth.kind === 'refused') {
    return failed(request.document, () => apiError(auth.code, auth.reason));
  }
  const message = 'This needs a token: send "Authorization: Bearer …".';
  return failed(request.document, () => apiError('UNAUTHENTICATED', message));
}

async function askHome(
  request: SubgraphRequest,
  options: PoolOptions,
  { ask, headersFor }: { readonly ask: Ask; readonly headersFor: ForwardedHeaders },
): Promise<SubgraphResult> {
  const caller = homeOf(request);
  if (!('home' in caller)) return caller;
  const { home } = caller;
  const body = bodyOf(request.document, request.variables);
  const isMutation = request.operationType === 'mutation';
  const answer = await ask(home, {
    body,
    headers: await headersFor(request.context, home, body),
    timeoutMs: isMutation ? options.mutationTimeoutMs : options.queryTimeoutMs,
    repeatable: !isMutation,
    // A mutation that was begun is seen through, even when the caller hangs up.
    ...(request.signal && !isMutation ? { signal: request.signal } : {}),
  });
  if (!answer.answered) {
    return failed(request.document, () => unavailable(home, answer, isMutation));
  }
  const { data = null, errors, text } = answer.result;
  return { data, ...errorsOf(errors), ...(text === undefined ? {} : { text }) };
}

/**
 * One member's own stream, passed on as it comes. It is never shared, and not opened again when it
 * breaks: only its reader knows the number it has to go on from.
 */
async function watchHome(
  request: SubgraphRequest,
  options: PoolOptions,
  { logger, streams, headersFor }: Pick<PoolNeeds, 'logger' | 'streams' | 'headersFor'>,
): Promise<SubgraphResult | AsyncIterable<SubgraphResult>> {
  const caller = homeOf(request);
  if (!('home' in caller)) return caller;
  const { home } = caller;
  const url = options.nodes.get(home);
  const broken = (reason: string): SubgraphResult => {
    logger.warn({ venue: home, reason }, 'stream of a node broke');
    const failure = { reason, mayHaveBeenHeard: true };
    return failed(request.document, () => unavailable(home, failure, false));
  };
  if (url === undefined) return broken('this gateway knows no address of it');
  const { stream } = callerOf(request.context);
  const body = bodyOf(request.document, request.variables);
  const headers = await headersFor(request.context, home, body);
  return streams.open(async function* (signal) {
    const steps = subscribeAtNode({
      ...{ url, signal, body, headers, silenceMs: options.streamSilenceMs },
      timeoutMs: options.queryTimeoutMs,
      after: stream?.after,
    });
    for await (const step of steps) {
      stream?.ids.push(step.kind === 'result' ? step.id : undefined);
      if (step.kind === 'broken') yield broken(step.reason);
      else yield { data: step.result.data ?? null, ...errorsOf(step.result.errors) };
    }
  });
}

async function askVenues(
  request: SubgraphRequest,
  options: PoolOptions,
  ask: Ask,
): Promise<SubgraphResult> {
  const fields = entityFields(request.document);
  const parts = entityParts(fields, request.variables ?? {}, ownerOf);
  const answers = await Promise.all(
    parts.map(async (part) => ({
      part,
      answer: await ask(part.owner, {
        body: bodyOf(request.document, { ...request.variables, ...part.variables }),
        timeoutMs: options.venueTimeoutMs,
        repeatable: true,
        ...(request.signal ? { signal: request.signal } : {}),
      }),
    })),
  );
  const merged = mergeEntities(
    fields,
    request.variables ?? {},
    answers.map(({ part, answer }) =>
      answer.answered ? { part, result: answer.result } : { part, failure: answer },
    ),
    (owner, failure) => {
      const { message, extensions } = unavailable(owner, failure, false);
      return { message, extensions };
    },
  );
  return { data: merged.data, ...errorsOf(merged.errors) };
}

/** Whose node an entity is asked of: a venue's own. */
function ownerOf(representation: Representation): VenueId {
  return String(representation.id);
}

const written = new WeakMap<DocumentNode, string>();

function bodyOf(document: DocumentNode, variables: Record<string, unknown> | undefined): string {
  // Plans are cached by the engine, so the same document comes again and again. In short: each line
  // would be an escape that the node has to undo.
  const query = written.get(document) ?? JSON.stringify(stripIgnoredCharacters(print(document)));
  written.set(document, query);
  const given = variables ? `,"variables":${JSON.stringify(variables)}` : '';
  return `{"query":${query}${given}}`;
}

/** What graphql says of a document that another version of a schema has no fields for. */
const UNKNOWN_TO_SCHEMA =
  /^(Cannot query field|Unknown (type|argument|directive)|Field ".*" argument)/;

/**
 * An answer that says no more than that the question does not validate is none: the question is by the
 * network's SDL, and the node has another version of it.
 */
function understood(answer: NodeAnswer): NodeAnswer {
  if (!answer.answered || answer.result.data != null) return answer;
  const unknown = answer.result.errors?.find(({ message }) => UNKNOWN_TO_SCHEMA.test(message));
  if (!unknown) return answer;
  const reason = unknown.message.replace(/\.$/, '');
  return { answered: false, reason, mayHaveBeenHeard: false, isMisunderstood: true };
}

/** Null for every root field, each with its error: other subgraphs' fields stay as they are. */
function failed(document: DocumentNode, error: () => GraphQLError): SubgraphResult {
  const keys = rootResponseKeys(document);
  return {
    data: Object.fromEntries(keys.map((key) => [key, null])),
    errors: keys.map((key) => at(error(), [key])),
  };
}

function unavailable(
  venue: VenueId,
  failure: Omit<NodeFailure, 'answered'>,
  isMutation: boolean,
): GraphQLError {
  const outcome = failure.mayHaveBeenHeard ? 'UNKNOWN' : 'NOT_SENT';
  const extensions = { venue, ...(isMutation ? { outcome } : {}) };
  if (failure.isMisunderstood) {
    const message = `The node of ${venue} has another version of the API and did nothing: ${failure.reason}.`;
    return apiError('NODE_SCHEMA_DIFFERS', message, { extensions });
  }
  const consequence = failure.mayHaveBeenHeard
    ? ' Whether it took the request is not known: send it again with the same clientOrderId, or ask for that order.'
    : ' Nothing reached it.';
  return apiError(
    'NODE_UNAVAILABLE',
    `The node of ${venue} cannot be reached: ${failure.reason}.${isMutation ? consequence : ''}`,
    { extensions },
  );
}

function errorsOf(errors: readonly NodeError[] | undefined): { errors?: GraphQLError[] } {
  if (!errors || errors.length === 0) return {};
  // A node masks its own errors; one without a code is about the caller's text.
  return {
    errors: errors.map(({ message, path, extensions }) =>
      at(new GraphQLError(message, { extensions: { code: 'BAD_REQUEST', ...extensions } }), path),
    ),
  };
}

function at(error: GraphQLError, path: readonly (string | number)[] | undefined): GraphQLError {
  if (path === undefined) return error;
  return new GraphQLError(error.message, { path, extensions: error.extensions });
}
