import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { type BrowserContext, chromium, type Page } from "playwright-core";
import { openHttpServer } from "#base/http-server.ts";
import { parseAddress } from "#base/listen.ts";
import { validateRoutes } from "#cloudconfig/validate-http.ts";
import { routeHandler } from "#keys/client-handler.ts";

const PAGE = join(import.meta.dirname, "../../web/validate");
/** Generous: the machine may be busy, and nothing waits that long when all is well. */
const LIMIT_MS = 60_000;
const QUIET = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const BROKEN = `#cloud-config
coreos:
  etcd2:
    discovry: https://discovery.example/token
  units:
    - name: etcd2.service
      command: strat
write_files:
  - path: etc/motd
`;

interface Opened {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly url: string;
  /** What the browser complains of: scripts that fail, and whatever the page's policy forbids. */
  readonly complaints: string[];
  /** Requests for anything that is not this server's. */
  readonly foreign: string[];
}

async function openPage(t: TestContext, colorScheme: "light" | "dark" = "light"): Promise<Opened> {
  const stack = new AsyncDisposableStack(); // the browser goes first, then what it writes to
  t.after(() => stack.disposeAsync());
  const directory = await mkdtemp(join(tmpdir(), "keelson-chromium-"));
  stack.defer(() => rm(directory, { recursive: true, force: true, maxRetries: 10 }));
  const handle = routeHandler(await validateRoutes(PAGE));
  const server = stack.use(await openHttpServer(parseAddress("http://127.0.0.1:0"), handle));
  assert.ok(server.address.kind === "tcp");
  const url = `http://127.0.0.1:${server.address.port}`;
  const context = await chromium.launchPersistentContext(directory, {
    executablePath: "/usr/bin/chromium",
    headless: true,
    args: QUIET,
    viewport: { width: 1200, height: 760 },
    colorScheme,
    timeout: LIMIT_MS,
  });
  stack.defer(() => context.close());
  context.setDefaultTimeout(LIMIT_MS);
  const page = await context.newPage();
  const [complaints, foreign]: [string[], string[]] = [[], []];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(url)) foreign.push(request.url());
  });
  await page.goto(`${url}/validate`);
  return { page, context, url, complaints, foreign };
}

const verdict = (page: Page, words: RegExp) => page.getByRole("status").getByText(words).waitFor();

/** The text that is selected in the editor. */
const selected = (page: Page) =>
  page.evaluate<string>(
    "(({ value, selectionStart, selectionEnd }) => value.slice(selectionStart, selectionEnd))(document.getElementById('text'))",
  );

test("the validator's page checks what is pasted, marks lines and leads to them", async (t) => {
  const { page, complaints, foreign } = await openPage(t);
  await page.getByRole("textbox").fill(BROKEN);
  await verdict(page, /^1 error, 2 warnings/);
  const items = page.locator("#findings li");
  assert.equal(await items.count(), 3);
  assert.match(
    await items.nth(0).innerText(),
    /line 4: warning\s+unrecognized key "discovry"\s+coreos.etcd2.discovry: did you mean "discovery"\?/,
  );
  assert.match(await items.nth(1).innerText(), /line 7: error\s+invalid value strat/);
  const marked = (kind: string) => page.locator(`#gutter .${kind}`).allInnerTexts();
  assert.deepEqual(await marked("error"), ["✖ 7"]);
  assert.deepEqual(await marked("warning"), ["▲ 4", "▲ 9"]);
  assert.deepEqual(await page.locator("#marks .error").allInnerTexts(), ["      command: strat"]);

  await items.nth(1).getByRole("link").click();
  assert.equal(await selected(page), "      command: strat");
  assert.match(page.url(), /#L7$/);
  await page.keyboard.type("      command: start");
  await verdict(page, /^2 warnings$/);
  assert.deepEqual(await marked("error"), []);
  assert.deepEqual(complaints, []);
  assert.deepEqual(foreign, []);
});

/** Asks again and again; `page.waitForFunction` may not, by the page's own policy against eval. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  for (const endMs = Date.now() + 30_000; !(await holds()); await sleep(20))
    assert.ok(Date.now() < endMs, "not within 30 s");
}

test("the validator's page keeps numbers and marks beside their lines, however far it is scrolled", async (t) => {
  const { page } = await openPage(t);
  const lines = Array.from({ length: 300 }, (_, i) => `# ${i} ${"long ".repeat(40)}`);
  await page.getByRole("textbox").fill(`#cloud-config\n${lines.join("\n")}\nlast: key`);
  await verdict(page, /^1 warning/);
  await page.locator("#findings a").click();
  await page.evaluate("document.getElementById('text').scrollTo(1e6, 1e6)");
  const scrolled = (id: string) =>
    page.evaluate<number[]>(
      `(({ scrollTop, scrollLeft }) => [scrollTop, scrollLeft])(document.getElementById("${id}"))`,
    );
  const [top = 0, left = 0] = await scrolled("text");
  assert.ok(top > 0 && left > 0);
  // The marks and the numbers follow by an event.
  await until(async () => isDeepStrictEqual(await scrolled("marks"), [top, left]));
  await until(async () => isDeepStrictEqual(await scrolled("gutter"), [top, 0]));
});

test("the validator's page works by the keyboard alone", async (t) => {
  const { page } = await openPage(t);
  await page.keyboard.press("Tab");
  assert.equal(await page.locator(":focus").innerText(), "Validate");
  for (let i = 0; i < 2; i += 1) await page.keyboard.press("Tab");
  assert.equal(await page.locator(":focus").innerText(), "Example");
  await page.keyboard.press("Enter");
  await verdict(page, /^2 errors/);
  assert.equal(await page.locator(":focus").getAttribute("id"), "text");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  assert.match(await page.evaluate<string>("location.hash"), /^#L\d+$/);
  assert.equal(await page.locator(":focus").getAttribute("id"), "text");
  await page.keyboard.press("Control+a");
  await page.keyboard.type("#cloud-config");
  await page.keyboard.press("Control+Enter");
  await verdict(page, /^Valid: nothing to complain of/);
});

test("the validator's page reads files, opened or dropped", async (t) => {
  const { page } = await openPage(t);
  const directory = await mkdtemp(join(tmpdir(), "keelson-page-"));
  t.after(() => rm(directory, { recursive: true }));
  const file = join(directory, "user-data");
  await writeFile(file, "hostname: a\n");
  await page.locator("#file").setInputFiles(file);
  await verdict(page, /^1 error/);
  assert.equal(await page.getByRole("textbox").inputValue(), "hostname: a\n");

  const dropped = await page.evaluateHandle(
    `(() => { const data = new DataTransfer(); data.items.add(new File(["#cloud-config\\nfoo: <b>\\n"], "x")); return data; })()`,
  );
  await page.dispatchEvent("#editor", "drop", { dataTransfer: dropped });
  await verdict(page, /^1 warning/);
  assert.equal(await page.getByRole("textbox").inputValue(), "#cloud-config\nfoo: <b>\n");
});

test("the validator's page tells of a service that does not answer, or will not", async (t) => {
  const { page, context } = await openPage(t);
  await page.getByRole("textbox").fill(`#cloud-config\n#${"x".repeat(70_000)}`);
  await verdict(page, /^Cannot check more than 65536 bytes/);
  await context.setOffline(true);
  await page.getByRole("textbox").fill("#cloud-config\n");
  await verdict(page, /^Cannot reach the validator/);
});

for (const scheme of ["light", "dark"] as const)
  test(`the validator's page is ${scheme} for who wants it so, and fits a small screen`, async (t) => {
    const { page } = await openPage(t, scheme);
    await page.getByRole("textbox").fill(BROKEN);
    await verdict(page, /^1 error/);
    const shade = (what: string) =>
      page.evaluate<number>(
        `getComputedStyle(document.body).${what}.match(/\\d+/g).slice(0, 3).reduce((sum, n) => sum + Number(n), 0)`,
      );
    const [ground, ink] = [await shade("backgroundColor"), await shade("color")];
    assert.ok(scheme === "light" ? ground > ink : ground < ink, `${ground} ${ink}`);
    await page.setViewportSize({ width: 360, height: 640 });
    const overflow = await page.evaluate<number>(
      "document.documentElement.scrollWidth - innerWidth",
    );
    assert.ok(overflow <= 0, `${overflow} pixels stand out`);
  });
