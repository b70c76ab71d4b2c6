import { isMemberId, type Refusal, refuse } from '@stoa/schema';
import { z } from 'zod';

const count = z.number().int().positive().max(1_000_000);
const durationMs = z.number().int().min(100).max(86_400_000);
const member = z.string().refine(isMemberId, 'must be a member id');

const shape = z.strictObject({
  /** Whether this venue takes requests for quote at all. */
  offered: z.boolean().default(true),
  /** Members of this venue that may answer; left out: all of them. */
  responders: z.array(member).max(1_000).optional(),
  /** What a responder is told of who asks. */
  discloses: z.enum(['nothing', 'home', 'member']).default('nothing'),
  /** Requests that a member of this node may have open at a time. */
  maxOpenRequests: count.default(100),
  /** Requests that another home node may have open here. */
  maxOpenInquiries: count.default(1_000),
  /** Firm quotes that one responder may have standing here. */
  maxOpenQuotes: count.default(1_000),
  /** How long a request may be open, and a quote valid, at most. */
  maxValidForMs: durationMs.default(3_600_000),
});

/** How this node takes part in negotiation: its own members' requests, and those that come to it. */
export type NegotiationRules = z.output<typeof shape>;

/** Without a file: every member may answer, and is told nothing of who asks. */
export const DEFAULT_NEGOTIATION_RULES: NegotiationRules = shape.parse({});

/** Reads rules from parsed JSON: the rules, or a refusal that names every mistake. */
export function parseNegotiationRules(
  json: unknown,
): NegotiationRules | Refusal<'NEGOTIATION_RULES_INVALID'> {
  const parsed = shape.safeParse(json);
  if (parsed.success) return parsed.data;
  const mistakes = parsed.error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `${path.join('.')}: ${message}`,
  );
  return refuse('NEGOTIATION_RULES_INVALID', mistakes.join('; '), 'See docs/rfq.md.');
}
