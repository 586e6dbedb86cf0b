/** What Go's `url.ParseRequestURI` takes for a URL or an absolute path (net/url of Go 1.19). */
export function isRequestUri(text: string): boolean {
  if (text === "" || hasControl(text)) return false;
  if (text === "*") return true;
  if (text.startsWith(":")) return false;
  const scheme = /^[A-Za-z][A-Za-z0-9+.-]*:/.exec(text)?.[0] ?? "";
  const [rest = ""] = text.slice(scheme.length).split("?", 1);
  if (!rest.startsWith("/")) return scheme !== "";
  const authority =
    scheme !== "" && rest.startsWith("//") ? rest.slice(2).split("/", 1)[0] : undefined;
  const path = authority === undefined ? rest : rest.slice(2 + authority.length);
  return isEscaped(path) && (authority === undefined || isAuthority(authority));
}

function hasControl(text: string): boolean {
  return /\p{Cc}/u.test(text.replaceAll(/[\u0080-\u009f]/g, "")); // Go minds those of ASCII only
}

/** Whether every `%` begins an escape. */
function isEscaped(text: string): boolean {
  return !/%(?![0-9A-Fa-f]{2})/.test(text);
}

const USER_INFO = /^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/;
// Beyond RFC 3986, as Go, so that <token> stands for something.
const HOST = /^[A-Za-z0-9\-._~!$&'()*+,;=:[\]<>"\u0080-\u{10ffff}]*$/u;

function isAuthority(authority: string): boolean {
  const at = authority.lastIndexOf("@");
  const user = at === -1 ? "" : authority.slice(0, at);
  const host = authority.slice(at + 1);
  if (!USER_INFO.test(user) || !isEscaped(authority)) return false;
  if (host.startsWith("[")) {
    const end = host.lastIndexOf("]");
    return (
      end !== -1 && isPort(host.slice(end + 1)) && HOST.test(withoutEscapes(withoutZone(host)))
    );
  }
  const colon = host.lastIndexOf(":");
  return (colon === -1 || isPort(host.slice(colon))) && HOST.test(withoutEscapes(host));
}

function isPort(text: string): boolean {
  return text === "" || /^:\d*$/.test(text);
}

/** RFC 6874: `%25eth0` behind an address of the sixth version. */
function withoutZone(host: string): string {
  return host.replace(/%25[^\]]*/, "");
}

/** In a host only what is no ASCII may be escaped, and the percent sign. */
function withoutEscapes(host: string): string {
  return host.replaceAll(/%(?:25|[89A-Fa-f][0-9A-Fa-f])/g, "");
}
