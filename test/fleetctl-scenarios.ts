import type { Step } from "./fleetctl-run.ts";

// What fleet 1.0 printed on three machines, and, where a comment says so, what we print instead.

const M1 = "11111111.../172.31.7.11";
export const M2 = "22222222.../172.31.7.12";
export const M3 = "33333333.../172.31.7.13";
const FULL1 = "11111111000000000000000000f1ee71";
const FULL2 = "22222222000000000000000000f1ee72";
const FULL3 = "33333333000000000000000000f1ee73";

const FOO = "[Unit]\nDescription=Foo sleeper\n\n[Service]\nExecStart=/bin/sleep infinity";
const TEMPLATE =
  "[Unit]\nDescription=Template instance %i\n\n[Service]\nExecStart=/bin/sh -c 'echo instance %i on %H; exec /bin/sleep infinity'";
const NO_UNITS = "UNIT\tMACHINE\tACTIVE\tSUB";
const NO_FILES = "UNIT\tHASH\tDSTATE\tSTATE\tTARGET";
export const SOME_FIELDS = "--fields=unit,dstate,state,target,global";

export function lines(...all: string[]): string {
  return all.join("\n");
}

/** Units that do well; each scenario begins with an empty registry. */
export const LIFE_SCENARIOS: Readonly<Record<string, readonly Step[]>> = {
  "lists of machines": [
    {
      run: "list-machines",
      out: lines(
        "MACHINE\t\tIP\t\tMETADATA",
        "11111111...\t172.31.7.11\taz=a,region=lab,role=node1",
        "22222222...\t172.31.7.12\taz=a,region=lab,role=node2",
        "33333333...\t172.31.7.13\taz=b,region=lab,role=node3",
      ),
    },
    {
      run: "list-machines --full",
      out: lines(
        "MACHINE\t\t\t\t\tIP\t\tMETADATA",
        `${FULL1}\t172.31.7.11\taz=a,region=lab,role=node1`,
        `${FULL2}\t172.31.7.12\taz=a,region=lab,role=node2`,
        `${FULL3}\t172.31.7.13\taz=b,region=lab,role=node3`,
      ),
    },
    {
      run: "list-machines --full --no-legend",
      out: lines(
        `${FULL1}\t172.31.7.11\taz=a,region=lab,role=node1`,
        `${FULL2}\t172.31.7.12\taz=a,region=lab,role=node2`,
        `${FULL3}\t172.31.7.13\taz=b,region=lab,role=node3`,
      ),
    },
    {
      run: "list-machines --fields machine,ip",
      out: lines(
        "MACHINE\t\tIP",
        "11111111...\t172.31.7.11",
        "22222222...\t172.31.7.12",
        "33333333...\t172.31.7.13",
      ),
    },
    {
      run: "list-machines --fields=machine,metadata --full --no-legend",
      out: lines(
        `${FULL1}\taz=a,region=lab,role=node1`,
        `${FULL2}\taz=a,region=lab,role=node2`,
        `${FULL3}\taz=b,region=lab,role=node3`,
      ),
    },
    // -l failed with exit 0 in the original.
    {
      run: "list-machines -l --fields=machine --no-legend",
      out: lines(FULL1, FULL2, FULL3),
    },
    {
      run: "list-machines --fields=machine,ip,metadata,version,capabilities",
      err: 'Invalid key in output format: "version"',
      exit: 1,
    },
    { run: "list-machines --fields=bogus", err: 'Invalid key in output format: "bogus"', exit: 1 },
    { run: "list-machines --fields=", err: "Must define output format", exit: 1 },
    {
      run: "list-mach extra arg --fields=ip --no-legend",
      out: lines("172.31.7.11", "172.31.7.12", "172.31.7.13"),
    },
  ],

  "an empty cluster": [
    { run: "list-units", out: NO_UNITS },
    { run: "list-units --no-legend" },
    { run: "list-units -l", out: NO_UNITS },
    { run: "list-unit-files", out: NO_FILES },
    { run: "list-unit-files --no-legend" },
    { run: "list-unit-files --full", out: NO_FILES },
    { run: "list-units --fields=bogus", err: 'Invalid key in output format: "bogus"', exit: 1 },
    {
      run: "list-unit-files --fields=unit,bogus",
      err: 'Invalid key in output format: "bogus"',
      exit: 1,
    },
  ],

  "the life of a unit": [
    { run: "submit foo.service", out: "Unit foo.service inactive" },
    { run: "submit foo.service" },
    {
      run: "list-unit-files",
      out: lines(
        "UNIT\t\tHASH\tDSTATE\t\tSTATE\t\tTARGET",
        "foo.service\t5a27163\tinactive\tinactive\t-",
      ),
    },
    { run: "list-units", out: NO_UNITS },
    { run: "status foo.service", err: "Unit foo.service does not appear to be loaded.", exit: 1 },
    { run: "journal foo.service", err: "Unit foo.service does not appear to be running.", exit: 1 },
    { run: "cat foo.service", out: FOO },
    { run: "cat foo", out: FOO },
    { run: "load foo.service", out: `Unit foo.service loaded on ${M1}` },
    { run: "load foo.service" },
    {
      run: "list-unit-files",
      out: lines(
        "UNIT\t\tHASH\tDSTATE\tSTATE\tTARGET",
        `foo.service\t5a27163\tloaded\tloaded\t${M1}`,
      ),
    },
    {
      run: "list-units",
      out: lines("UNIT\t\tMACHINE\t\t\tACTIVE\t\tSUB", `foo.service\t${M1}\tinactive\tdead`),
    },
    { run: "status foo.service", out: /^[○●] foo\.service - Foo sleeper\n/, exit: 3 },
    { run: "start foo.service", out: `Unit foo.service launched on ${M1}` },
    { run: "start foo.service" },
    { run: "start foo" },
    {
      run: "list-unit-files",
      out: lines(
        "UNIT\t\tHASH\tDSTATE\t\tSTATE\t\tTARGET",
        `foo.service\t5a27163\tlaunched\tlaunched\t${M1}`,
      ),
    },
    {
      run: "list-units",
      out: lines("UNIT\t\tMACHINE\t\t\tACTIVE\tSUB", `foo.service\t${M1}\tactive\trunning`),
    },
    {
      run: "start bar.service",
      out: lines("Unit bar.service inactive", `Unit bar.service launched on ${M2}`),
    },
    // The original printed the second line twice.
    {
      run: "start --no-block t@1.service",
      out: lines("Unit t@1.service inactive", "Triggered unit t@1.service start"),
    },
    {
      run: "start t@1.service",
      out: /^(Unit t@1\.service launched on 33333333\.\.\.\/172\.31\.7\.13\n)?$/,
    },
    {
      run: "start --block-attempts=10 t@2.service",
      out: lines("Unit t@2.service inactive", `Unit t@2.service launched on ${M1}`),
    },
    {
      run: "start t@3 t@4 --no-block",
      out: lines(
        "Unit t@3.service inactive",
        "Unit t@4.service inactive",
        "Triggered unit t@3.service start",
        "Triggered unit t@4.service start",
      ),
    },
    { run: "start t@3 t@4", out: /^(Unit t@[34]\.service launched on \S+\n)*$/ },
    {
      run: "list-units --fields=unit,load,active,sub,hash",
      out: lines(
        "UNIT\t\tLOAD\tACTIVE\tSUB\tHASH",
        "bar.service\tloaded\tactive\trunning\t5d329c9",
        "foo.service\tloaded\tactive\trunning\t5a27163",
        "t@1.service\tloaded\tactive\trunning\tc8a02c9",
        "t@2.service\tloaded\tactive\trunning\tc8a02c9",
        "t@3.service\tloaded\tactive\trunning\tc8a02c9",
        "t@4.service\tloaded\tactive\trunning\tc8a02c9",
      ),
    },
    // The original took no notice of arguments here.
    {
      run: "list-units --full foo bar.*",
      out: lines(
        "UNIT\t\tMACHINE\t\t\t\t\t\tACTIVE\tSUB",
        `bar.service\t${FULL2}/172.31.7.12\tactive\trunning`,
        `foo.service\t${FULL1}/172.31.7.11\tactive\trunning`,
      ),
    },
    {
      run: "list-units --l foo --fields=unit,load,active,sub,machine,hash",
      out: lines(
        "UNIT\t\tLOAD\tACTIVE\tSUB\tMACHINE\t\t\t\t\t\tHASH",
        `foo.service\tloaded\tactive\trunning\t${FULL1}/172.31.7.11\t5a27163850df791bce0280edef5ce122aa091be2`,
      ),
    },
    {
      run: "list-unit-files --full --no-legend foo",
      out: `foo.service\t5a27163850df791bce0280edef5ce122aa091be2\tlaunched\tlaunched\t${FULL1}/172.31.7.11`,
    },
    {
      run: "list-unit-files --fields=unit,hash,dstate,state,target,desc,global,tmachine bar foo t@2",
      out: lines(
        "UNIT\t\tHASH\tDSTATE\t\tSTATE\t\tTARGET\t\t\tDESC\t\t\tGLOBAL\tTMACHINE",
        `bar.service\t5d329c9\tlaunched\tlaunched\t${M2}\tBar sleeper\t\tfalse\t${M2}`,
        `foo.service\t5a27163\tlaunched\tlaunched\t${M1}\tFoo sleeper\t\tfalse\t${M1}`,
        `t@2.service\tc8a02c9\tlaunched\tlaunched\t${M1}\tTemplate instance %i\tfalse\t${M1}`,
      ),
      err: 'WARNING: The "tmachine" field is deprecated. Use "target" instead',
    },
  ],

  "stop, unload and destroy": [
    {
      run: "start foo bar",
      out: /^Unit foo\.service inactive\nUnit bar\.service inactive\n(Unit \S+ launched on \S+\n){2}$/,
    },
    {
      run: "stop foo.service",
      out: /^Unit foo\.service loaded on \S+\n$/,
      err: "Successfully stopped units [foo.service].",
    },
    { run: "stop foo.service", err: "Successfully stopped units []." },
    {
      run: "list-unit-files --fields=unit,dstate,state",
      out: lines(
        "UNIT\t\tDSTATE\t\tSTATE",
        "bar.service\tlaunched\tlaunched",
        "foo.service\tloaded\t\tloaded",
      ),
    },
    {
      run: "list-units --fields=unit,active,sub",
      out: lines(
        "UNIT\t\tACTIVE\t\tSUB",
        "bar.service\tactive\t\trunning",
        "foo.service\tinactive\tdead",
      ),
    },
    {
      run: "stop --no-block bar",
      out: "Triggered unit bar.service stop",
      err: "Successfully stopped units [bar.service].",
    },
    {
      run: "unload foo.service",
      out: "Unit foo.service inactive",
      err: "Successfully unloaded units [foo.service].",
    },
    { run: "unload foo.service", err: "Successfully unloaded units []." },
    {
      run: "unload bar --block-attempts=5",
      out: "Unit bar.service inactive",
      err: "Successfully unloaded units [bar.service].",
    },
    { run: "list-units", out: NO_UNITS },
    { run: "stop foo.service", err: "Unable to stop unit foo.service in state inactive", exit: 1 },
    { run: "start foo", out: /^Unit foo\.service launched on \S+\n$/ },
    // The original printed "launched" twice: it did not wait for the stop.
    {
      run: "restart foo",
      out: /^Unit foo\.service loaded on (\S+)\nUnit foo\.service launched on \1\n$/,
    },
    // The original exited with 0 here.
    { run: "restart bar", err: "Unable to restart unit bar.service in state inactive", exit: 1 },
    { run: "destroy foo.service", out: "Destroyed foo.service" },
    { run: "destroy foo.service", err: "Units not found in registry", exit: 1 },
    { run: "submit t@{1..3}", out: /^(Unit t@\d\.service inactive\n){3}$/ },
    // The original left patterns to the shell.
    {
      run: "destroy t@* bar --block-attempts=9",
      out: lines(
        "Destroyed t@1.service",
        "Destroyed t@2.service",
        "Destroyed t@3.service",
        "Destroyed bar.service",
      ),
    },
    { run: "list-unit-files", out: NO_FILES },
  ],

  templates: [
    { run: "submit t@.service", out: "Unit t@.service inactive" },
    { run: "cat t@.service", out: TEMPLATE },
    { run: "cat t@1.service", err: "Unit t@1.service not found", exit: 1 },
    {
      run: "load t@.service",
      err: 'Error loading units: googleapi: Error 400: cannot activate template "t@.service"',
      exit: 1,
    },
    {
      run: "start t@",
      err: 'Error starting units: googleapi: Error 400: cannot activate template "t@.service"',
      exit: 1,
    },
    {
      run: "start t@1.service",
      out: /^Unit t@1\.service inactive\nUnit t@1\.service launched on \S+\n$/,
    },
    {
      run: "start t@1.service t@two.service",
      out: /^Unit t@two\.service inactive\nUnit t@two\.service launched on \S+\n$/,
    },
    { run: "cat t@1.service", out: TEMPLATE },
    // The original refused the braces that a shell had left alone.
    {
      run: "start t@{6,7}.service",
      out: /^Unit t@6\.service inactive\nUnit t@7\.service inactive\n(Unit t@[67]\.service launched on \S+\n){2}$/,
    },
    { run: "stop t@", err: "Unable to stop unit t@.service in state inactive", exit: 1 },
    { run: "unload t@", err: "Successfully unloaded units []." },
    // Keelson says more in the lines below.
    { run: "status t@", err: /^Unit t@\.service does not appear to be loaded\.\n/, exit: 1 },
    {
      run: `list-unit-files ${SOME_FIELDS} t@.service`,
      out: lines(
        "UNIT\t\tDSTATE\t\tSTATE\t\tTARGET\tGLOBAL",
        "t@.service\tinactive\tinactive\t-\tfalse",
      ),
    },
    { run: "destroy t@.service", out: "Destroyed t@.service" },
    {
      run: "start elsewhere/t@99.service",
      err: "Error creating units: failed getting Unit(t@99.service) from template: unable to find template Unit(t@.service) in Registry or on filesystem",
      exit: 1,
    },
    { run: "start elsewhere/t@two.service" },
    {
      run: "start ./t@5.service",
      out: /^Unit t@5\.service inactive\nUnit t@5\.service launched on \S+\n$/,
    },
  ],

  "global units": [
    // The original printed an empty state.
    { run: "submit glob.service", out: "Unit glob.service inactive" },
    { run: "load glob.service", out: "Triggered global unit glob.service load" },
    {
      run: `list-unit-files ${SOME_FIELDS}`,
      out: lines("UNIT\t\tDSTATE\tSTATE\tTARGET\tGLOBAL", "glob.service\tloaded\t-\tglobal\ttrue"),
    },
    { run: "start glob.service", out: "Triggered global unit glob.service start" },
    {
      run: `list-unit-files ${SOME_FIELDS}`,
      out: lines(
        "UNIT\t\tDSTATE\t\tSTATE\tTARGET\tGLOBAL",
        "glob.service\tlaunched\t-\tglobal\ttrue",
      ),
    },
    {
      run: "start globmeta",
      out: lines("Unit globmeta.service inactive", "Triggered global unit globmeta.service start"),
    },
    {
      run: "list-unit-files",
      out: lines(
        "UNIT\t\t\tHASH\tDSTATE\t\tSTATE\tTARGET",
        "glob.service\t\tb604c41\tlaunched\t-\tglobal",
        "globmeta.service\tab9a2fc\tlaunched\t-\tglobal",
      ),
    },
    // The original did nothing here.
    { run: "restart glob", out: "Triggered global unit glob.service restart" },
    {
      run: "stop glob",
      out: "Triggered global unit glob.service stop",
      err: "Successfully stopped units [].",
    },
    {
      run: "unload glob globmeta",
      out: lines(
        "Triggered global unit glob.service unload",
        "Triggered global unit globmeta.service unload",
      ),
      err: "Successfully unloaded units [].",
    },
    {
      run: `list-unit-files ${SOME_FIELDS}`,
      out: lines(
        "UNIT\t\t\tDSTATE\t\tSTATE\tTARGET\tGLOBAL",
        "glob.service\t\tinactive\t-\tglobal\ttrue",
        "globmeta.service\tinactive\t-\tglobal\ttrue",
      ),
    },
    {
      run: "destroy glob globmeta",
      out: lines("Destroyed glob.service", "Destroyed globmeta.service"),
    },
  ],
};
