/** What a client should hear of why TLS with a server failed, to end a sentence about that server. */
export function tlsReason(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  const code = String(error.code);
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") return wrongName(error);
  // OpenSSL's reason is only in the text then.
  if (code === "EPROTO" && error.message.includes("wrong version number")) return NO_TLS;
  return REASONS.find(([pattern]) => pattern.test(code))?.[1];
}

/** Whether the server ended the connection because of who the client is: then it has not looked at any request. */
export function isClientRefused(error: unknown): boolean {
  return error instanceof Error && "code" in error && REFUSED.test(String(error.code));
}

/** Whether what answers does not speak TLS at all, which no other attempt will change. */
export function speaksNoTls(error: unknown): boolean {
  return tlsReason(error) === NO_TLS;
}

const NO_TLS = "it does not speak TLS; use http://";

/** Alerts of RFC 8446 section 6.2 in OpenSSL's names, as far as they concern the client's certificate. */
const REFUSED =
  /^ERR_SSL_[\w/]*ALERT_(CERTIFICATE_\w+|BAD_CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED|UNSUPPORTED_CERTIFICATE)$/;

const REASONS: readonly (readonly [RegExp, string])[] = [
  [
    /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_\w+)$/,
    "its certificate is signed by no authority that this client trusts; name that authority's certificate as the CA file",
  ],
  [/^CERT_HAS_EXPIRED$/, "its certificate has expired; have it renewed, or check the clock here"],
  [/^CERT_NOT_YET_VALID$/, "its certificate is not valid yet; check the clocks"],
  [/^CERT_/, "its certificate cannot be used"],
  [/^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG)$/, NO_TLS],
  [
    /^ERR_SSL_[\w/]*ALERT_(CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE)$/,
    "it wants a certificate of this client; name one and its key",
  ],
  [REFUSED, "it does not accept this client's certificate, or wants one"],
];

function wrongName(error: Error): string {
  const { host, cert } = error as Error & {
    readonly host?: string;
    readonly cert?: {
      readonly subjectaltname?: string;
      readonly subject?: { readonly CN?: string };
    };
  };
  const names = cert?.subjectaltname?.replaceAll(/(DNS|IP Address):/g, "");
  return `its certificate is for ${names ?? "no name or address"}, not ${host}`;
}
