/** Link-local addresses (RFC 3927, RFC 4291 section 2.5.6) say little to others. */
export function isLinkLocal(address: string): boolean {
  return /^(?:169\.254\.|fe[89ab][\da-f]:)/i.test(address);
}
