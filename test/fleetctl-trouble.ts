import type { Step } from "./fleetctl-run.ts";
import { lines, M2, M3, SOME_FIELDS } from "./fleetctl-scenarios.ts";

/** Units that cannot run, or not anywhere, and slips of the keyboard; each scenario begins with an empty registry. */
export const TROUBLE_SCENARIOS: Readonly<Record<string, readonly Step[]>> = {
  "units that fit no machine": [
    { run: "start c@1 c@2 c@3", out: /(Unit c@\d\.service launched on \S+\n){3}$/ },
    {
      run: "start --no-block c@4",
      out: lines("Unit c@4.service inactive", "Triggered unit c@4.service start"),
    },
    {
      run: `list-unit-files ${SOME_FIELDS} --no-legend c@4`,
      out: "c@4.service\tlaunched\tinactive\t-\tfalse",
    },
    // The original said no more than the first line.
    {
      run: "status c@4",
      err: /^Unit c@4\.service does not appear to be loaded\.\nUnit c@4\.service fits no machine.*(\n {2}.*c@\d\.service){3}\n$/,
      exit: 1,
    },
    { run: "journal c@4", err: "Unit c@4.service does not appear to be running.", exit: 1 },
    // The original was silent, and exited with 0 for a unit that had been told to start before.
    {
      run: "start --block-attempts=1 c@4",
      err: /^Unit c@4\.service fits no machine.*\n {2}11111111\.\.\.\/172\.31\.7\.11: .*c@\d\.service.*\n( {2}.*\n){2}Error waiting for units: timed out waiting for unit c@4\.service to report state launched\n$/,
      exit: 1,
    },
    {
      run: "load --block-attempts=1 pinbad",
      out: "Unit pinbad.service inactive",
      err: /^Unit pinbad\.service fits no machine.*\n( {2}.*\n){3}Error waiting for units: timed out waiting for unit pinbad\.service to report state loaded\n$/,
      exit: 1,
    },
    {
      run: "explain c@4",
      out: /^MACHINE\t.*REASON\n11111111\.\.\.\/172\.31\.7\.11\t-\tno\t.*c@/,
      exit: 1,
    },
    // In the original only destroy got rid of such a unit.
    {
      run: "stop c@4",
      out: "Unit c@4.service inactive",
      err: "Successfully stopped units [c@4.service].",
    },
    {
      run: "unload c@4",
      out: "Unit c@4.service inactive",
      err: "Successfully unloaded units [c@4.service].",
    },
    { run: "destroy c@*.service pinbad", out: /^(Destroyed \S+\n){5}$/ },
  ],

  "placement by metadata and peers": [
    { run: "start foo", out: /launched on/ },
    { run: "start mo", out: /launched on/ },
    {
      run: "start meta pin oldx",
      out: new RegExp(
        `^Unit meta.service inactive\nUnit pin.service inactive\nUnit oldx.service inactive\n(Unit \\S+ launched on \\S+\n){3}$`,
      ),
    },
    {
      run: "list-unit-files meta pin oldx --no-legend",
      out: lines(
        `meta.service\t338fd86\tlaunched\tlaunched\t${M2}`,
        `oldx.service\t8bea13e\tlaunched\tlaunched\t${M3}`,
        `pin.service\t06fb8d2\tlaunched\tlaunched\t${M2}`,
      ),
    },
    {
      run: "submit fancy metaand",
      out: lines("Unit fancy.service inactive", "Unit metaand.service inactive"),
    },
    {
      run: "cat fancy",
      out: /^\[Unit\]\nDescription=Fancy {3}unit {2}with spaces\nAfter=network\.target foo\.service\nAfter=bar\.service\n\n\[Service\]\n/,
    },
    {
      run: "cat metaand",
      out: lines(
        "[Service]",
        "ExecStart=/bin/sleep infinity",
        "",
        "[X-Fleet]",
        'MachineMetadata="az=a" "region=lab"',
        "MachineMetadata=role=node2",
        "MachineMetadata=role=node1",
      ),
    },
    {
      run: "list-unit-files fancy metaand --no-legend --fields=unit,hash",
      out: lines("fancy.service\ta40db9b", "metaand.service\t0f4f799"),
    },
  ],

  "bad unit files": [
    {
      run: "submit bad-nosection",
      err: /^Error creating units: failed creating unit bad-nosection\.service: googleapi: Error 409: unit does not exist and options field empty\nCannot use bad-nosection\.service: .*line 1/,
      exit: 1,
    },
    {
      run: "submit bad-noeq",
      err: /^Error creating units: failed getting Unit\(bad-noeq\.service\) from file: unexpected newline encountered while parsing option name\nCannot read bad-noeq\.service line 3: /,
      exit: 1,
    },
    {
      run: "start bar bad-section",
      err: /^Error creating units: failed getting Unit\(bad-section\.service\) from file: unable to find end of section\nCannot read bad-section\.service line 1: /,
      exit: 1,
    },
    {
      run: "submit bar bad-xfleet",
      err: /^Error creating units: unrecognized requirement in \[X-Fleet\] section: "Foo" in line 5: use one of MachineID, .*\nCannot use bad-xfleet\.service line 5: /,
      exit: 1,
    },
    {
      run: "submit bad-globmo",
      err: /^Error creating units: Global cannot be used with Peers\n/,
      exit: 1,
    },
    {
      run: "submit bad-globconf",
      err: /^Error creating units: MachineID cannot be used with Global\n/,
      exit: 1,
    },
    {
      run: "start empty.service",
      err: /^Error creating units: failed creating unit empty\.service: googleapi: Error 409: unit does not exist and options field empty\n/,
      exit: 1,
    },
    {
      run: "submit noext",
      err: "Error creating units: unable to find Unit(noext.service) in Registry or on filesystem",
      exit: 1,
    },
    {
      run: "submit wrong.conf",
      err: "Error creating units: unable to find Unit(wrong.conf.service) in Registry or on filesystem",
      exit: 1,
    },
    {
      run: "submit sp_ace.service",
      err: /^Error creating units: invalid character ' ' in unit name\n/,
      exit: 1,
    },
    // Nothing of the commands that failed was kept, bar.service included.
    {
      run: `list-unit-files ${SOME_FIELDS}`,
      out: lines("UNIT\tDSTATE\tSTATE\tTARGET\tGLOBAL"),
    },
    { run: "cat empty", err: "Unit empty.service not found", exit: 1 },
  ],

  "unknown names and no names": [
    {
      run: "start nonexist.service",
      err: "Error creating units: unable to find Unit(nonexist.service) in Registry or on filesystem",
      exit: 1,
    },
    {
      run: "load nonexist",
      err: "Error creating units: unable to find Unit(nonexist.service) in Registry or on filesystem",
      exit: 1,
    },
    {
      run: "submit /no/such/dir/x.service",
      err: "Error creating units: unable to find Unit(x.service) in Registry or on filesystem",
      exit: 1,
    },
    {
      run: "start nontempl@1",
      err: "Error creating units: failed getting Unit(nontempl@1.service) from template: unable to find template Unit(nontempl@.service) in Registry or on filesystem",
      exit: 1,
    },
    // These exited with 0 in the original.
    { run: "stop nonexist", err: "Units not found in registry", exit: 1 },
    { run: "unload nonexist", err: "Units not found in registry", exit: 1 },
    { run: "destroy nonexist foo", err: "Units not found in registry", exit: 1 },
    { run: "destroy no*such", err: "Units not found in registry", exit: 1 },
    { run: "start", err: "No units given", exit: 1 },
    { run: "load", err: "No units given", exit: 1 },
    { run: "submit", err: "No units given", exit: 1 },
    { run: "stop", err: "No units given", exit: 1 },
    { run: "unload", err: "No units given", exit: 1 },
    { run: "destroy", err: "No units given", exit: 1 },
    { run: "restart", err: "No units given", exit: 1 },
    { run: "status", err: "No units given", exit: 1 },
    // The others did not.
    { run: "cat nonexist", err: "Unit nonexist.service not found", exit: 1 },
    { run: "cat", err: "One unit file must be provided", exit: 1 },
    { run: "cat a b", err: "One unit file must be provided", exit: 1 },
    { run: "status nonexist", err: "Unit nonexist.service does not exist.", exit: 1 },
    { run: "journal nonexist", err: "Unit nonexist.service does not exist.", exit: 1 },
    { run: "journal", err: "One unit file must be provided.", exit: 1 },
    { run: "submit foo", out: "Unit foo.service inactive" },
    {
      run: "destroy nonexist foo",
      out: "Destroyed foo.service",
      err: "Unit nonexist.service not found in registry",
      exit: 1,
    },
  ],
};
