import { after, before, test } from "node:test";
import { startMember, type TestMember } from "#keys/member-for-tests.ts";
import { freePort, type RealEtcd, startRealEtcd } from "#keys/real-etcd.ts";
import { type Case, compare } from "./compare-for-tests.ts";

let originals: RealEtcd;
let ourEtcd: RealEtcd;
let ourMember: TestMember;
let nobody: string;

before(async () => {
  [originals, ourEtcd, ourMember] = await Promise.all([
    startRealEtcd(),
    startRealEtcd(),
    startMember(),
  ]);
  nobody = `http://127.0.0.1:${await freePort()}`;
});
after(async () => {
  await originals[Symbol.asyncDispose]();
  await ourEtcd[Symbol.asyncDispose]();
  await ourMember[Symbol.asyncDispose]();
});

/** The life of a store's users and roles, in this order. */
const CASES: readonly Case[] = [
  { line: "user list" },
  { line: "role list" },
  { line: "role get root" },
  { line: "auth disable" },
  { line: "auth enable" },
  { line: "user get nope" },
  { line: "user remove nope" },
  {
    line: "user passwd late",
    stdin: "x\n",
    ours: {
      because: "an empty line does not tell that the user was made",
      stderr: "There was no user late; it was made, with this password\n",
    },
  },
  { line: "user passwd late", stdin: "y\n" },
  { line: "user remove late" },
  { line: "user grant --roles root nope" },
  { line: "user add empty", stdin: "" },
  { line: "user add root", stdin: "secret\n" },
  { line: "user add ann", stdin: "her password\r\nmore" },
  { line: "user add bob:p:w" },
  { line: "user add bob:pw" },
  { line: "user add ü&<:x" },
  { line: "user get ü&<" },
  { line: "user remove ü&<" },
  { line: "user get a/b" },
  { line: "user get bob" },
  { line: "user list" },
  { line: "role add reader" },
  { line: "role add reader" },
  { line: "role add writer" },
  { line: "role add root" },
  { line: "role get nope" },
  { line: "role remove nope" },
  { line: "role grant --path /x --read nope" },
  { line: "role get reader" },
  { line: "role grant --path /pub/* --read reader" },
  { line: "role grant reader --path /pub/* --read" },
  { line: "role grant --path /x --readwrite reader" },
  { line: "role revoke --path /x --write reader" },
  { line: "role revoke --path /x --write reader" },
  { line: "role grant --path /pub/* --rw writer" },
  { line: "role grant --path /own --write writer" },
  { line: "role get reader" },
  { line: "role get writer" },
  { line: "user grant --roles reader ann" },
  { line: "user grant --roles reader ann" },
  { line: "user grant bob --roles reader --roles writer" },
  { line: "user grant --roles reader,writer ann" },
  { line: "user revoke --roles reader,writer ann" },
  { line: "user revoke --roles nope ann" },
  { line: "user get bob" },
  { line: "user get ann" },
  { line: "--debug user get ann" },
  { line: "--debug user list" },
  { line: "--debug user add carl:pw" },
  { line: "--debug user add dan", stdin: "pw" },
  { line: "--debug --no-sync user grant --roles reader --roles writer carl" },
  { line: "--debug user revoke --roles writer carl" },
  { line: "--debug user remove carl" },
  { line: "--debug role add r" },
  { line: "--debug role grant --path /x --rw r" },
  { line: "--debug role revoke --path /x --read r" },
  { line: "--debug role remove r" },
  { line: "--debug role list" },
  { line: "set /pub/a 1" },
  { line: "set /own 1" },
  { line: "--debug auth enable" },
  { line: "auth enable" },
  // From here on who one is counts.
  { line: "user list" },
  { line: "role list" },
  { line: "user get ann" },
  { line: "role get reader" },
  { line: "auth disable" },
  { line: "member list" },
  { line: "member add x http://127.0.0.1:1" },
  { line: "member remove 1" },
  { line: "cluster-health" },
  { line: "-u ann:x user list" },
  { line: "-u root:secret user list" },
  { line: "-u root:secret role list" },
  { line: "-u root:secret role revoke --path /* --rw guest" },
  { line: "get /pub/a" },
  { line: "-o json get /pub/a" },
  { line: "ls /" },
  { line: "watch /pub/a" },
  { line: "-u bob:pw get /pub/a" },
  { line: "-u bob:pw set /pub/a 2" },
  { line: "-u bob:pw get /own" },
  { line: "-u bob:pw set /own 3" },
  { line: "-u bob:wrong get /pub/a" },
  { line: "-u nope:pw get /pub/a" },
  { line: "-u : get /pub/a" },
  { line: "-u root:secret rm /own" },
  { line: "--username ann get /pub/a", stdin: "her password\n" },
  { line: "-u ann get /pub/a", stdin: "wrong\n" },
  { line: "-u bob set /pub/b", stdin: "pw\nthe value" },
  { line: "--no-sync get /pub/b", env: { ETCDCTL_USERNAME: "bob:pw" } },
  { line: "-u root:secret --debug user passwd bob", stdin: "new\n" },
  { line: "-u bob:pw get /pub/a" },
  { line: "-u bob:new get /pub/a" },
  { line: "-u bob:new -o json set /x 1" },
  { line: "-u root:secret user remove ann" },
  { line: "-u root:secret user remove root" },
  { line: "-u root:secret role remove writer" },
  { line: "-u bob:new set /pub/a 3" },
  { line: "-u root:secret auth disable" },
  { line: "set /x 1" },
  // Where ours differs on purpose.
  {
    line: "user get ''",
    ours: {
      because: "nobody has no name",
      exit: 1,
      stdout: "",
      stderr: "Please provide a username\n",
    },
  },
];

for (const [at, row] of CASES.entries())
  test(`etcdctl ${row.line} (${at})`, async () => {
    const others = {
      "on a real etcd": { ...ourEtcd, nobody },
      "on Keelson's store": { ...ourMember, nobody },
    };
    await compare(row, { ...originals, nobody }, others);
  });
