import { join } from "node:path";
import { systemClock } from "#base/clock.ts";
import type { HttpHandler } from "#base/http.ts";
import { openHttpServer } from "#base/http-server.ts";
import type { Address } from "#base/listen.ts";
import { type Logger, openLogger } from "#base/logger.ts";
import { notifyReady } from "#base/notify.ts";
import { aborted } from "#base/shutdown.ts";
import { ServerTls } from "#base/tls.ts";
import { type Io, isTerminal, type Program } from "#cli/program.ts";
import { readServerSettings, type ServerSettings } from "#cli/server-settings.ts";
import { type Routes, routeHandler } from "#keys/client-handler.ts";
import { allowMethod, answerPlain, splitTarget } from "#keys/http-answers.ts";

const HELP = `Usage: keelson server [flags]

Runs, at one address, the services that machines need of one of them: a discovery service, and the validator of
cloud-configs, at /validate/. Each flag can be given in the environment too, as SERVER_ and its name in capitals,
with _ for -, and in a file, as NAME = VALUE.

  --listen http://0.0.0.0:8080    where it answers, more than one parted by commas; also https://, unix://PATH
  --url https://HOST              what its own URLs begin with; by default the host that a request names
  --data-dir keelson-server       where it keeps what it has to
  --cert-file PATH, --key-file PATH
                                  for addresses that say https://
  --config FILE                   settings that neither a flag nor the environment gives

  --discovery-ttl 7d              how long a token lives after its last registration, until its cluster is full
  --discovery-takeover on         on: a machine that comes back with the name of a slot gets that slot
  --discovery-new-per-hour 0      new tokens an hour for each address; 0: any number
  --discovery-etcd-endpoints URLS keep tokens in an etcd with its v2 API on, or a keelson etcd2
`;

/** What a service of the server is opened with. */
interface Ground {
  readonly settings: ServerSettings;
  readonly logger: Logger;
  /** Where Keelson's own files are. */
  readonly home: string;
  /** Closes, after the server, what the services have opened. */
  readonly stack: AsyncDisposableStack;
  readonly signal: AbortSignal;
}

/** One of the services that share the server: paths of its own, and a line on what they are. */
interface Service {
  readonly about: string;
  open(ground: Ground): Promise<Routes>;
}

/** The first whose route is the longest answers; a new service is one more entry. */
const SERVICES: readonly Service[] = [
  {
    about: "/new?size=3   the URL of a new discovery token, for a cluster of three members",
    async open({ settings, logger, stack, signal }) {
      const { openDiscovery } = await import("#discovery/run-discovery.ts");
      const { listen, url, discovery } = settings;
      const shared = { logger, clock: systemClock, random: Math.random };
      return openDiscovery({ listen, url, ...discovery, ...shared }, stack, signal);
    },
  },
  {
    about: "/validate/    checks a cloud-config: a page; curl -T FILE …/validate answers JSON",
    async open({ home }) {
      const { validateRoutes } = await import("#cloudconfig/validate-http.ts");
      return validateRoutes(join(home, "web/validate"));
    },
  },
];

export const server: Program = async (args, io) => {
  if (args.some((arg) => /^(-h|--?help)$/.test(arg))) {
    io.stdout.write(HELP);
    return 0;
  }
  const settings = readServerSettings(args, io);
  const logger = openLogger();
  const { tlsFiles } = settings;
  const tls = tlsFiles && new ServerTls(tlsFiles, logger);
  await using stack = new AsyncDisposableStack();
  const home = io.env["KEELSON_HOME"] ?? join(import.meta.dirname, "../..");
  const handle = await openServices({ settings, logger, home, stack, signal: io.signal });
  const addresses: Address[] = [];
  for (const address of settings.listen)
    addresses.push(stack.use(await openHttpServer(address, handle, tls)).address);
  logger.info({ addresses, store: settings.discovery.store }, "serving");
  greet(addresses, settings, io);
  await notifyReady(io.env);
  await aborted(io.signal);
  logger.info("stopping");
  return 0;
};

async function openServices(ground: Ground): Promise<HttpHandler> {
  const routes: Record<string, HttpHandler> = {};
  for (const service of SERVICES) Object.assign(routes, await service.open(ground));
  const handle = routeHandler(routes);
  return (req, res) => {
    if (splitTarget(req.target)[0] !== "/") handle(req, res);
    else if (allowMethod(req, res, ["GET", "HEAD"])) answerPlain(res, 200, HOME);
  };
}

const HOME = `This is a server of Keelson's. It has:

${SERVICES.map(({ about }) => `  ${about}\n`).join("")}`;

/** Tells a person what to do next. */
function greet(addresses: readonly Address[], { url }: ServerSettings, { stderr }: Io): void {
  const port = addresses.find((address) => address.kind === "tcp")?.port;
  if (!isTerminal(stderr) || (url === undefined && port === undefined)) return;
  const base = url ?? `http://THIS-MACHINE:${port}`;
  stderr.write(`==> check a cloud-config: ${base}/validate/\n`);
  stderr.write(`==> ask for a discovery URL: curl "${base}/new?size=3"\n`);
}
