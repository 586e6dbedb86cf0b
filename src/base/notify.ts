import { execFile } from "node:child_process";
import { promisify } from "node:util";

/**
 * Tells systemd that this daemon is ready (`Type=notify`, sd_notify(3)), by systemd's own tool, since Node
 * has no unix datagram sockets. The unit needs `NotifyAccess=all`. Does nothing outside of systemd.
 */
export async function notifyReady(env: NodeJS.ProcessEnv): Promise<void> {
  if (env["NOTIFY_SOCKET"] === undefined) return;
  await promisify(execFile)("systemd-notify", ["--ready", `--pid=${process.pid}`], { env });
}
