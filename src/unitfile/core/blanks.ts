// Unicode's White_Space, which is what the original parser trims. JavaScript's own trim() also takes U+FEFF
// and leaves U+0085; a unit's hash depends on the difference.
const BLANK = "[\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
const LEADING = new RegExp(`^${BLANK}+`);
const BLANK_ONLY = new RegExp(`^${BLANK}$`);

export function trimStart(text: string): string {
  return text.replace(LEADING, "");
}

export function trimEnd(text: string): string {
  // A loop, for an unanchored /BLANK+$/ takes quadratic time on a long run of blanks.
  let end = text.length;
  while (end > 0 && BLANK_ONLY.test(text.charAt(end - 1))) end -= 1;
  return text.slice(0, end);
}

export function trim(text: string): string {
  return trimEnd(trimStart(text));
}
