/**
 * Text of another member's making as PostgreSQL can keep it: neither `text` nor `jsonb` takes the NUL
 * character, and `jsonb` no half of a surrogate pair. A message that could never be recorded would
 * stop its session for good.
 */
export function storableText(text: string): string {
  return text.replaceAll('\0', '').toWellFormed();
}
