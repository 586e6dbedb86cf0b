import { type Ask, del, get, post, put } from "#keys/oracle.ts";

/** What a client does on a good day, and the store's refusals. */
export const SCENARIO: readonly Ask[] = [
  get(""),
  get("/"),
  get("?recursive=true&sorted=true"),
  put("/a", "value=1"),
  put("/a", "value=2"),
  put("/a", "value=%3Cx%3E%26%22%5C%C3%BC%F0%9F%98%80%E2%80%A8%08%0c%09%0a%0d%00%7f%1f/"),
  get("/a"),
  { method: "HEAD", path: "/v2/keys/a" },
  { method: "HEAD", path: "/v2/keys/none" },
  { method: "HEAD", path: "/v2/keys/a?quorum=true" },
  put("/bytes", "value=%ff%fe%c3x%ed%a0%80"),
  get("/a?quorum=true"),
  get("/none?quorum=true"),
  get("/a?wait=true&quorum=true"),
  get("/none?wait=true&quorum=true&waitIndex=1&stream=true"),
  put("/a/b", "value=1"),
  put("/a/b/c", "value=1"),
  get("/a/b"),
  get("/none/b/c"),
  put("/d/e/f", "value=1"),
  get("/d"),
  get("/d?recursive=true&sorted=true"),
  put("/d", "value=1"),
  put("/d", "dir=true"),
  put("/d", "dir=true&prevExist=true"),
  put("/d", "value=x&prevExist=true"),
  put("/d?dir=true&prevExist=false", ""),
  put("/d2", "dir=true"),
  put("/d2?prevExist=false", "dir=true"),
  put("/a", "dir=true"),
  get("/a"),
  get("/d2/"),
  put("/n", "prevExist=true&value=1"),
  put("/n", "prevExist=false&value=1"),
  put("/n", "prevExist=false&value=2"),
  put("/n", "prevExist=true&value=2"),
  put("/n", "prevValue=1&value=3"),
  put("/n", "prevValue=2&value=3"),
  put("/n", "prevIndex=1&value=3"),
  put("/n", "prevIndex=1&prevValue=1&value=3"),
  put("/n", "prevIndex=0&value=4"),
  put("/n", "prevExist=true&prevValue=4&value=5"),
  put("/n", "prevExist=true&prevValue=4&value=5&prevIndex=3"),
  put("/none", "prevValue=4&value=5"),
  put("/d", "prevValue=4&value=5"),
  put("/n/x", "prevValue=4&value=5"),
  put("", "prevValue=4&value=5"),
  put("", "prevExist=true&value=5"),
  put("", "prevExist=false&value=5"),
  put("", "value=5"),
  put("/", "dir=true"),
  del(""),
  del("?recursive=true"),
  del("/?prevValue=1"),
  del("/?dir=true"),
  put("/n?noValueOnSuccess=true", "value=1"),
  put("/n?noValueOnSuccess=true&prevValue=1", "value=2"),
  put("/n?noValueOnSuccess=true&prevExist=true", "value=2"),
  put("/new?noValueOnSuccess=true&prevExist=false", "value=2"),
  del("/new?noValueOnSuccess=true"),
  get("/n?noValueOnSuccess=true"),
  post("/q", "value=1"),
  post("/q", "value=2"),
  post("/q?noValueOnSuccess=1", "value=2"),
  post("/q", "dir=true"),
  post("/n", "value=1"),
  post("/n/x", "value=1"),
  post("", "value=root"),
  get("/q?sorted=true&recursive=true"),
  del("/q"),
  del("/q?dir=true"),
  del("/q?recursive=false"),
  del("/q?recursive=true"),
  del("/q?recursive=true"),
  del("/d2?dir=true"),
  del("/n?prevValue=7"),
  del("/n?prevIndex=7"),
  del("/n?prevIndex=7&prevValue=7"),
  del("/none?prevIndex=7"),
  del("/d?prevIndex=7"),
  del("/n?prevValue=2"),
  put("/_hidden/a", "value=1"),
  put("/shown/_hidden", "value=1"),
  put("/shown/x", "value=1"),
  get("/shown"),
  get("/_hidden"),
  get("/shown/_hidden"),
  get("?recursive=true&sorted=true"),
  del("/shown?dir=true"),
  put("/only/_hidden", "value=1"),
  get("/only"),
  get("/only?recursive=true"),
];

/** Writes with a mistake in a field, or several: the first is told. */
export const REFUSED: readonly Ask[] = [
  ["prevIndex=x", "prevIndex=-1", "prevIndex=", "waitIndex=1.5", "prevIndex=18446744073709551616"],
  ["recursive=yes", "sorted=2", "wait=x", "dir=", "quorum=y", "stream=tRue", "wait=true"],
  ["prevValue=", "noValueOnSuccess=x", "ttl=x", "ttl=-1", "ttl=1.5", "prevExist=x", "prevExist="],
  ["refresh=x", "refresh=true&value=1&ttl=3", "refresh=true", "refresh=true&ttl=", "x=%zz", "x=%4"],
  ["%zz=1", "x;y", "a=1;b=2", "x=%", "ttl=5;", "prevExist=x&prevIndex=x", "refresh=T&ttl=9"],
]
  .flat()
  .flatMap((form) => [
    put("/refused", form),
    put(`/refused?${form}`, ""),
    post("/refused/q", `prevExist=zz&${form}`),
    del(`/refused?${form}`),
  ]);

/** Reads with a mistake in a field. */
export const REFUSED_READS: readonly Ask[] = [
  ["wait=x", "waitIndex=x", "recursive=", "sorted=x", "quorum=x", "stream=x", "x=%zz", "a;b"],
  ["ttl=x", "refresh=true", "prevExist=x", "noValueOnSuccess=x", "prevValue=", "x=%C3%zz"],
]
  .flat()
  .map((query) => get(`/refused?${query}`));

/** Methods, paths, bodies and types that no client should send. */
export const ODD: readonly Ask[] = [
  { method: "PATCH", path: "/v2/keys/a" },
  { method: "PATCH", path: "/v2/keys/a", form: "value=1" },
  { method: "HEAD", path: "/v2/keys/a?wait=true" },
  { method: "POST", path: "/v2/keys/a?wait=true" },
  { method: "PUT", path: "/v2/keys/odd1?value=query" },
  { method: "PUT", path: "/v2/keys/odd2?value=query", form: "value=body" },
  { method: "PUT", path: "/v2/keys/odd3", form: "value=1", contentType: "text/plain" },
  {
    method: "PUT",
    path: "/v2/keys/odd4",
    form: "value=1",
    contentType: "Application/X-WWW-Form-URLencoded; charset=utf-8",
  },
  { method: "DELETE", path: "/v2/keys/odd4", form: "prevValue=2" },
  { method: "PUT", path: "/v2/keys/odd5", form: "&&value=a+b%2Bc=d&value=2&" },
  { method: "PUT", path: "/v2/keys/odd6", form: "value" },
  { method: "PUT", path: "/v2/keys/odd7", form: "value=\u00fc\u{1f600}" },
  { method: "PUT", path: "/v2/keys/a%20b%2fc%3c%C3%BC", form: "value=1" },
  { method: "GET", path: "/v2/keys/a%20b/" },
  { method: "GET", path: "/v2/keys/a+b" },
  ...["//a", "/./a", "/x/../a", "/../a", "/a/.", "/a/..", "/a//", "/a/./b%20c'(*)!&<>$+,;=:@~"].map(
    (path) => ({ method: "GET", path: `/v2/keys${path}?x=1&y=<` }),
  ),
  { method: "POST", path: "/v2/keys//q", form: "value=1" },
  { method: "HEAD", path: "/v2/keys//q" },
  ...[
    "/",
    "/v2",
    "/v2/",
    "/v2/keysx",
    "/v2/foo",
    "/version/",
    "/v2/machines/",
    "/v2/stats",
    "//",
  ].map((path) => ({ method: "GET", path })),
  ...["/v2/machines", "/v2/members", "/v2/members/", "/v2/members/leader", "/v2/members/xx"].map(
    (path) => ({ method: "GET", path }),
  ),
  { method: "GET", path: "/v2/stats/leader" },
  ...["/version", "/health", "/v2/machines", "/v2/stats/store", "/v2/stats/self"].map((path) => ({
    method: "POST",
    path,
  })),
];

/** Paths that are spelled in other ways, belong to other versions, or to nothing; long ones; headers that say nothing. */
export const PATHS: readonly Ask[] = [
  ...`/v2/machine%73 /v2/%6dembers /v2/members/%6ceader /v2/members//leader /v2/members/leader/
    /v2/auth/enabl%65 /v2/auth/users/%72oot /v2/auth/roles/gu%65st /v2/auth//users /v2/auth/../keys
    /v2/auth/users/a%2fb /v2/auth/users/%2e%2e /v2/auth/users/%20 /v2/auth/enable?x=%zz
    /v2/auth/roles/guest?x=%zz /v2/stats/%6ceader /v2/stats/leader/ /v2/stats/ /v2/stats/foo
    /v2/machines?x /v2/keys%2fa /v2%2fkeys/a /v2/keys? /v2/keys?& /v2/keys/a?#x /%76ersion/
    /health/ /metrics/ /v2/admin /v1/keys/a /v2/leader /v2/lock/x /v2/security/enable
    /v2/keys/x?waitIndex=99999999999999999999 /v2/keys/${"long/".repeat(1500)}`
    .split(/\s+/)
    .map((path) => ({ method: "GET", path })),
  ...["HEAD", "POST", "PUT", "DELETE", "PATCH", "TRACE", "FOO"].flatMap((method) =>
    ["/", "/v2/machines", "/v2/stats/leader", "/v2/nothing", "/v2/auth/enable", "/v2/keys/a"].map(
      (path) => ({ method, path }),
    ),
  ),
  { ...put("/paths/a", "value=1"), headers: { Expect: "100-continue" } },
  { ...put("/paths/b", "value=1"), contentType: "" },
  { ...put("/paths/c", "value=1"), headers: { "Transfer-Encoding": "chunked" } },
  { ...get("/paths/a"), form: "quorum=true" },
  { ...get("/paths/none"), form: "value=1", headers: { "Transfer-Encoding": "chunked" } },
  { ...del("/paths/a"), form: "dir=true" },
  { method: "HEAD", path: "/v2/keys/paths/b", form: "dir=true" },
  {
    ...get("/paths/b"),
    headers: { Range: "bytes=0-3", "If-None-Match": "*", Accept: "text/html" },
  },
  put(`/paths/${"long/".repeat(1500)}x`, "value=1"),
  put(`/paths/${"z".repeat(20_000)}`, "value=1"),
  put("/paths/big", `value=${"x".repeat(1 << 20)}`),
  get("/paths/big"),
  put("/paths/many", `${"f=1&".repeat(3000)}value=1`),
  ...["%F0%9F%98%80", "%EF%BD%9E", "a", "%ee%80%80"].map((key) => put(`/order/${key}`, "value=1")),
  get("/order?sorted=true"),
  del("/order?recursive=true"),
  del("/paths?recursive=true"),
];
