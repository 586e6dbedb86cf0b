import type { Systemd } from "#systemd/systemd.ts";

/** What has systemd begin, end or forget a run; reading and linking files does not. */
const JOBS = ["startUnit", "stopUnit", "restartUnit", "resetFailed", "startTransientUnit"];

/** For `SimulatedCluster`: every machine's connections to systemd, which tell of such jobs as they are asked for. */
export function notingJobs(noted: (machine: string, job: string, unit: string) => void) {
  return (systemd: Systemd, machine: { readonly name: string }): Systemd =>
    new Proxy(systemd, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== "function") return member;
        return (...args: unknown[]) => {
          if (JOBS.includes(String(name))) noted(machine.name, String(name), String(args[0]));
          return member.apply(target, args);
        };
      },
    });
}
