import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** `openssl ca`'s own files, in the directory. */
const CA_CONF = `[ca]
default_ca = here
[here]
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
policy = names
[names]
commonName = supplied
`;
const NEW_KEY = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
const DAY_MS = 86_400_000;

/** An authority of a test, made by openssl: `ca.pem`, and what it signs, in a directory that goes with it. */
export class TestAuthority implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), "keelson-tls-"));

  constructor(name = "test authority") {
    for (const [file, text] of [
      ["index.txt", ""],
      ["serial", "1000\n"],
      ["ca.conf", CA_CONF],
    ] as const)
      writeFileSync(this.path(file), text);
    const files = ["-keyout", "ca-key.pem", "-out", "ca.pem"];
    this.#openssl(`req -x509 ${NEW_KEY} -days 30`, "-subj", `/CN=${name}`, ...files);
  }

  get caFile(): string {
    return this.path("ca.pem");
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  /** Makes `NAME.pem` and `NAME-key.pem`, valid for the 30 days until `endMs`. */
  issue(
    name: string,
    {
      hosts = ["DNS:localhost", "IP:127.0.0.1"],
      commonName = name,
      endMs = Date.now() + 29 * DAY_MS,
    } = {},
  ): { readonly certFile: string; readonly keyFile: string } {
    const [cert, key, request, extensions] = [".pem", "-key.pem", ".csr", ".ext"].map(
      (end) => name + end,
    ) as [string, string, string, string];
    writeFileSync(this.path(extensions), `subjectAltName=${hosts.join(",")}\n`);
    const files = ["-keyout", key, "-out", request];
    this.#openssl(`req ${NEW_KEY}`, "-subj", `/CN=${commonName}`, ...files);
    this.#openssl(
      "ca -batch -notext -config ca.conf -cert ca.pem -keyfile ca-key.pem",
      "-startdate",
      opensslTime(endMs - 30 * DAY_MS),
      "-enddate",
      opensslTime(endMs),
      "-in",
      request,
      "-out",
      cert,
      "-extfile",
      extensions,
    );
    return { certFile: this.path(cert), keyFile: this.path(key) };
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  #openssl(words: string, ...more: readonly string[]): void {
    execFileSync("openssl", [...words.split(" "), ...more], {
      cwd: this.directory,
      stdio: ["ignore", "ignore", "pipe"],
    });
  }
}

function opensslTime(ms: number): string {
  return new Date(ms).toISOString().replaceAll(/[-:T]|\.\d+/g, "");
}
