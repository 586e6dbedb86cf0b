import { systemClock } from "#base/clock.ts";
import type { Address } from "#base/listen.ts";
import { openLogger } from "#base/logger.ts";
import { notifyReady } from "#base/notify.ts";
import { ServerTls } from "#base/tls.ts";
import { readDiscoverySettings } from "#cli/discovery-settings.ts";
import type { Io, Program } from "#cli/program.ts";

const HELP = `Usage: keelson discovery [flags]

Runs a discovery service: machines that shall form an etcd cluster find each other by one URL. Each flag can be given in
the environment too, as DISCOVERY_ and its name in capitals, with _ for -.

  --listen http://0.0.0.0:8087    where it answers, more than one parted by commas; also unix://PATH
  --data-dir keelson-discovery    where it keeps its tokens
  --etcd-endpoints URLS           keep them in an etcd with its v2 API on instead, or in a keelson etcd2
  --url https://HOST              what its URLs begin with; by default the host that a request names
  --cert-file PATH, --key-file PATH
                                  for addresses that say https://
  --ttl 7d                        how long a token lives after its last registration, until its cluster is full;
                                  such as 7d, 12h, 30m, 90s; 0 for ever
  --takeover on                   on: a machine that comes back with the name of a slot gets that slot; off: it is refused
  --new-per-hour 0                new tokens an hour for each address; 0: any number
`;

export const discovery: Program = async (args, io) => {
  if (args.some((arg) => /^(-h|--?help)$/.test(arg))) {
    io.stdout.write(HELP);
    return 0;
  }
  const settings = readDiscoverySettings(args, io);
  const { runDiscovery } = await import("#discovery/run-discovery.ts");
  const logger = openLogger();
  const { tlsFiles } = settings;
  const tls = tlsFiles && new ServerTls(tlsFiles, logger);
  const shared = { logger, tls, clock: systemClock, random: Math.random };
  const onListening = async (addresses: readonly Address[]) => {
    greet(settings.url, addresses, io);
    await notifyReady(io.env);
  };
  await runDiscovery({ ...settings, ...shared, onListening }, io.signal);
  return 0;
};

/** Tells a person what to do next. */
function greet(url: string | undefined, addresses: readonly Address[], { stderr }: Io): void {
  const port = addresses.find((address) => address.kind === "tcp")?.port;
  if (!("isTTY" in stderr && stderr.isTTY) || (url === undefined && port === undefined)) return;
  stderr.write(`==> ask for a URL: curl "${url ?? `http://THIS-MACHINE:${port}`}/new?size=3"\n`);
}
