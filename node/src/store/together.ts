/**
 * Steps of one transaction that do not need each other: their statements share trips to the store.
 * It fails, if one of them does, only when all have come to their end: whoever rolls back then must
 * not be followed by a statement of another step, which would stand outside the transaction.
 */
export async function together<const Steps extends readonly unknown[]>(
  ...steps: Steps
): Promise<{ -readonly [Index in keyof Steps]: Awaited<Steps[Index]> }> {
  const ends = await Promise.allSettled(steps);
  const results = ends.map((end) => {
    if (end.status === 'rejected') throw end.reason;
    return end.value;
  });
  return results as { -readonly [Index in keyof Steps]: Awaited<Steps[Index]> };
}
