import { type Refusal, refuse } from '@stoa/schema';
import { z } from 'zod';
import { limitUnits } from './cash-notional.ts';

/** A decimal amount above zero, in the units of limits (10^-36). */
export const limitAmount = z
  .string()
  .max(64)
  .transform((text, context): bigint => {
    const units = limitUnits(text);
    if (units !== undefined) return units;
    context.addIssue({ code: 'custom', message: 'must be a decimal above zero such as "2500.5"' });
    return z.NEVER;
  });

/** So many a second in the long run, and so many at once. */
export const rate = z.strictObject({
  perSecond: z.number().int().min(1).max(1_000_000),
  burst: z.number().int().min(1).max(1_000_000),
});

const MAX_MISTAKES = 50;

/** Reads parsed JSON by a schema: the value, or a refusal whose message names every mistake. */
export function readShape<T, Code extends string>(
  shape: z.ZodType<T>,
  json: unknown,
  code: Code,
): T | Refusal<Code> {
  const parsed = shape.safeParse(json);
  if (parsed.success) return parsed.data;
  const mistakes = parsed.error.issues.map(
    ({ path, message }) => `${path.join('.') || 'file'}: ${message}`,
  );
  return refuse(code, mistakes.slice(0, MAX_MISTAKES).join('; '), 'Correct what is named.');
}
