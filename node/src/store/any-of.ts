import { type SQL, type SQLWrapper, sql } from 'drizzle-orm';

/** `column = any(…)` for whole numbers, as one parameter: there is one statement for however many. */
export function isAnyOf(column: SQLWrapper, numbers: readonly number[]): SQL {
  return sql`${column} = any(${`{${numbers.join(',')}}`}::text::bigint[])`;
}

/** The same for texts, whatever is in them. */
export function isAnyTextOf(column: SQLWrapper, texts: readonly string[]): SQL {
  return sql`${column} = any(array(select jsonb_array_elements_text(${JSON.stringify(texts)}::text::jsonb)))`;
}
