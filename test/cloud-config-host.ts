// A computer that systemd booted, as the first boot of a CoreOS machine finds it: a user core, daemons waiting for their settings.
import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { bootSystemdHost, type Outcome, type SystemdHost } from "#test/support/nspawn.ts";

export const PRIVATE_IPV4 = "192.0.2.13";
export const PUBLIC_IPV4 = "203.0.113.29";

/** The daemons that a cloud-config has settings for; each writes down what it was told, and waits. */
const DAEMONS = ["etcd", "etcd2", "fleet", "flanneld", "locksmithd", "update-engine"];

const PREPARE = `
set -e
groupadd docker
useradd --create-home --shell /bin/bash --uid 500 --groups sudo,docker core
for daemon in ${DAEMONS.join(" ")}; do
  cat > /usr/lib/systemd/system/$daemon.service <<'END'
[Service]
EnvironmentFile=-/run/flannel/options.env
ExecStart=/bin/bash -c 'mkdir -p /run/told; env > /run/told/%N.new; mv /run/told/%N.new /run/told/%N; exec sleep infinity'
END
done
mkdir -p /usr/share/coreos
echo GROUP=stable > /usr/share/coreos/update.conf
echo COREOS_PUBLIC_IPV4=${PUBLIC_IPV4} > /etc/environment
echo COREOS_PRIVATE_IPV4=${PRIVATE_IPV4} >> /etc/environment
systemctl daemon-reload
systemctl start systemd-networkd ssh
`;

/** Where a cloud-config has something changed. */
const CHANGED_PLACES =
  "/etc /home /root /srv /run/systemd/system /run/systemd/network /run/flannel /var/lib/coreos-cloudinit";

export class CloudHost implements AsyncDisposable {
  readonly #host: SystemdHost;

  private constructor(host: SystemdHost) {
    this.#host = host;
  }

  static async boot(): Promise<CloudHost> {
    const host = new CloudHost(
      await bootSystemdHost("unified", ["openssh-server", "sudo", "iproute2"]),
    );
    try {
      await host.succeed(PREPARE);
      return host;
    } catch (error) {
      await host[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Runs a bash script as root. */
  run(script: string): Promise<Outcome> {
    return this.#host.run("root", script);
  }

  /** The standard output of a script that must not fail, without the last line's end. */
  async succeed(script: string): Promise<string> {
    const { status, stdout, stderr } = await this.run(script);
    assert.equal(status, 0, `${script}\n${stdout}${stderr}`);
    return stdout.trimEnd();
  }

  async write(path: string, content: string): Promise<void> {
    await mkdir(dirname(this.#host.root + path), { recursive: true });
    await writeFile(this.#host.root + path, content);
  }

  read(path: string): Promise<string> {
    return readFile(this.#host.root + path, "utf8");
  }

  /** Applies user-data with our coreos-cloudinit. */
  async apply(userData: string): Promise<Outcome> {
    await this.write("/user-data", userData);
    return this.run("coreos-cloudinit --from-file=/user-data");
  }

  /** Applies it until so many steps were told, and ends coreos-cloudinit there and then. */
  async applyUntil(userData: string, steps: number): Promise<string> {
    await this.write("/user-data", userData);
    return this.succeed(`
coproc coreos-cloudinit --from-file=/user-data 2>&1
told=0
while [ $told -lt ${steps} ] && IFS= read -r line <&\${COPROC[0]}; do
  case $line in *": done"*|*": unchanged"*) told=$((told+1));; esac
done
kill -KILL $COPROC_PID; wait $COPROC_PID; echo "$? after $line"`);
  }

  /** \`600 alice:docker\` */
  stat(path: string): Promise<string> {
    return this.succeed(`stat --format='%a %U:%G' ${path}`);
  }

  /** Waits for a command to succeed. */
  async until(command: string): Promise<void> {
    await this.succeed(`
for attempt in $(seq 600); do { ${command}; } > /dev/null 2>&1 && exit; sleep 0.1; done
${command}`);
  }

  /** The variables that the daemon was started with. */
  async told(daemon: string): Promise<Record<string, string>> {
    await this.until(`test -e /run/told/${daemon}`);
    const lines = (await this.read(`/run/told/${daemon}`)).trimEnd().split("\n");
    return Object.fromEntries(lines.map((line) => line.split(/=(.*)/, 2)));
  }

  /** Everything in these places, down to which octets of the disk it is in and when it was written. */
  places(): Promise<string> {
    const format = String.raw`%p %i %T@ %C@ %m %U:%G %s %l\n`;
    return this.succeed(`find ${CHANGED_PLACES} -printf '${format}' 2>/dev/null | sort`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#host[Symbol.asyncDispose]();
  }
}
