/**
 * Check digits of the field's identifiers. All functions expect upper case and judge the whole text.
 */

function valueOf(character: string): number {
  if (character >= '0' && character <= '9') return character.charCodeAt(0) - 48;
  if (character === '*') return 36;
  if (character === '@') return 37;
  if (character === '#') return 38;
  return character.charCodeAt(0) - 55;
}

function digitSum(value: number): number {
  return Math.trunc(value / 10) + (value % 10);
}

/** ISIN (ISO 6166): letters expanded to two digits, then Luhn (modulus 10, double-add-double). */
export function isIsin(text: string): boolean {
  if (!/^[A-Z]{2}[A-Z0-9]{9}[0-9]$/.test(text)) return false;
  const digits = [...text].map((character) => String(valueOf(character))).join('');
  let sum = 0;
  for (let index = 0; index < digits.length; index += 1) {
    const digit = Number(digits[digits.length - 1 - index]);
    sum += index % 2 === 1 ? digitSum(digit * 2) : digit;
  }
  return sum % 10 === 0;
}

function doubleAddDouble(body: string): number {
  let sum = 0;
  for (let index = 0; index < body.length; index += 1) {
    const value = valueOf(body[index] ?? '0') * (index % 2 === 1 ? 2 : 1);
    sum += Math.trunc(value / 10) + (value % 10);
  }
  return (10 - (sum % 10)) % 10;
}

/** CUSIP (ANSI X9.6): modulus 10 double-add-double over eight characters; `*@#` count 36 to 38. */
export function isCusip(text: string): boolean {
  if (!/^[A-Z0-9*@#]{8}[0-9]$/.test(text)) return false;
  return doubleAddDouble(text.slice(0, 8)) === Number(text[8]);
}

/** FIGI (OMG): CUSIP's weights over eleven characters, no vowels, third character G, some prefixes barred. */
export function isFigi(text: string): boolean {
  if (!/^[B-DF-HJ-NP-TV-Z]{2}G[B-DF-HJ-NP-TV-Z0-9]{8}[0-9]$/.test(text)) return false;
  if (/^(BS|BM|GG|GB|GH|KY|VG)/.test(text)) return false;
  return doubleAddDouble(text.slice(0, 11)) === Number(text[11]);
}

/** LEI (ISO 17442): letters expanded, the whole modulo 97 is 1 (ISO 7064 MOD 97-10). */
export function isLei(text: string): boolean {
  if (!/^[A-Z0-9]{18}[0-9]{2}$/.test(text)) return false;
  const digits = [...text].map((character) => String(valueOf(character))).join('');
  return BigInt(digits) % 97n === 1n;
}

/** DTI (ISO 24165): pattern only; the check digit's rule is not confirmed, so it never refuses. */
export function isDti(text: string): boolean {
  return /^[1-9BCDFGHJKLMNPQRSTVWXZ][0-9BCDFGHJKLMNPQRSTVWXZ]{8}$/.test(text);
}
