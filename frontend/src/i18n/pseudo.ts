const LETTERS: Record<string, string> = {
  a: "á",
  b: "ƀ",
  c: "ç",
  d: "đ",
  e: "é",
  f: "ƒ",
  g: "ĝ",
  h: "ĥ",
  i: "í",
  j: "ĵ",
  k: "ķ",
  l: "ļ",
  m: "ḿ",
  n: "ñ",
  o: "ó",
  p: "þ",
  q: "ɋ",
  r: "ŕ",
  s: "š",
  t: "ţ",
  u: "ú",
  v: "ṽ",
  w: "ŵ",
  x: "ẋ",
  y: "ý",
  z: "ž",
  A: "Á",
  B: "Ɓ",
  C: "Ç",
  D: "Đ",
  E: "É",
  F: "Ƒ",
  G: "Ĝ",
  H: "Ĥ",
  I: "Í",
  J: "Ĵ",
  K: "Ķ",
  L: "Ļ",
  M: "Ḿ",
  N: "Ñ",
  O: "Ó",
  P: "Þ",
  Q: "Ɋ",
  R: "Ŕ",
  S: "Š",
  T: "Ţ",
  U: "Ú",
  V: "Ṽ",
  W: "Ŵ",
  X: "Ẋ",
  Y: "Ý",
  Z: "Ž",
};
/** Other languages need about a third more room than English. */
const LONGER_BY = 0.35;
const UNTOUCHED = /(\{\{[^}]*\}\}|<[^>]*>|\$t\([^)]*\))/;

/** A text as the pseudo-locale shows it: foreign letters, longer, between brackets. */
export function pseudo(text: string): string {
  const parts = text
    .split(UNTOUCHED)
    .map((part, index) =>
      index % 2 ? part : part.replace(/[A-Za-z]/g, (one) => LETTERS[one] ?? one),
    );
  // Words of some length, as other languages have them: a long text may still break.
  const more = "~~~~~ ".repeat(Math.ceil((text.length * LONGER_BY) / 6)).trimEnd();
  return `⟦${parts.join("")}${more}⟧`;
}

type Texts = { [key: string]: string | Texts };

/** The whole catalogue of texts in the pseudo-locale. */
export function pseudoCatalogue(texts: Texts): Texts {
  return Object.fromEntries(
    Object.entries(texts).map(([key, value]) => [
      key,
      typeof value === "string" ? pseudo(value) : pseudoCatalogue(value),
    ]),
  );
}
