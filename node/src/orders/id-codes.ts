/** Makes the part of an id that names one thing of this node; never the same twice. */
export type NewCode = () => string;

/** Letters and digits that are not taken for one another, and no q: it marks what is negotiated. */
const ALPHABET = '0123456789abcdefghjkmnprstuvwxyz';
const BITS_PER_LETTER = 5;
/** 80 bits: of a thousand million ids, two are the same once in two million such nodes. */
const BYTES = 10;

/**
 * Codes of 16 letters and digits that say nothing: not how many there were before, nor whose they were,
 * nor when. A member that holds many of them can guess no other one. They are short, since venues bound
 * the order ids that they take (docs/fix.md).
 */
export function createIdCodes(randomBytes: (count: number) => Uint8Array): NewCode {
  return () => {
    let code = '';
    let bits = 0;
    let held = 0;
    for (const byte of randomBytes(BYTES)) {
      held = (held << 8) | byte;
      bits += 8;
      while (bits >= BITS_PER_LETTER) {
        bits -= BITS_PER_LETTER;
        code += ALPHABET[(held >> bits) & (ALPHABET.length - 1)];
      }
      held &= (1 << bits) - 1;
    }
    return code;
  };
}

/** Whether an id is one that this home node gives: `<home>-<code>` and, where given, what follows. */
export function isIdOf(home: string, id: string, kind: 'order' | 'leg' | 'negotiated'): boolean {
  // Member ids are letters, digits and hyphens: safe inside a pattern.
  return new RegExp(`^${home}-${FORMS[kind]}$`).test(id);
}

/** Ids of nodes that number them are ids too. */
const CODE = '[0-9a-z]{1,32}';
const FORMS = {
  order: CODE,
  leg: `${CODE}\\.[1-9]\\d*\\.[1-9]\\d*`,
  negotiated: `q${CODE}`,
};
