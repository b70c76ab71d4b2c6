/** A whole message from text with | for the separator: begin, length and checksum are added. */
export function fixMessage(body: string, beginString = 'FIX.4.2'): Buffer {
  const inner = `${body}|`.replaceAll('|', '\x01');
  const head = `8=${beginString}\x019=${inner.length}\x01`;
  let sum = 0;
  for (const byte of Buffer.from(head + inner, 'latin1')) sum += byte;
  return Buffer.from(`${head}${inner}10=${String(sum % 256).padStart(3, '0')}\x01`, 'latin1');
}

/** A message as text with | for the separator, without what changes from run to run. */
export function fixText(message: Buffer): string {
  const text = message.toString('latin1').replaceAll('\x01', '|');
  return text.replace(/^8=[^|]*\|9=\d+\|/, '').replace(/10=\d{3}\|$/, '');
}

/** The value of a field, as text; undefined where there is none. */
export function fixField(message: Buffer | string, tag: number): string | undefined {
  const text = typeof message === 'string' ? message : fixText(message);
  return new RegExp(`(?:^|\\|)${tag}=([^|]*)`).exec(text)?.[1];
}
