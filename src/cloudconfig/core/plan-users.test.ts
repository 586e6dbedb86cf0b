import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { contentOf, describeAction } from "./action.ts";
import { planUsers } from "./plan-users.ts";
import type { CloudConfig } from "./schema.ts";

for (const { name, config, is } of [
  { name: "nothing for nobody", config: { users: [], ssh_authorized_keys: [] }, is: [] },
  {
    name: "a user that has a name only",
    config: { users: [{ name: "elroy" }] },
    is: ["create user elroy"],
  },
  {
    name: "every field",
    config: {
      users: [
        {
          name: "elroy",
          gecos: "Elroy",
          homedir: "/srv/e",
          shell: "/bin/sh",
          primary_group: "staff",
          groups: ["a", "b"],
          no_create_home: true,
          no_user_group: true,
          no_log_init: true,
          system: true,
        },
      ],
    },
    is: [
      "create user elroy (Elroy, home /srv/e, shell /bin/sh, primary group staff, groups a b, no home made, no group of its own, no login records, system user)",
    ],
  },
  {
    name: "fields that say no, or nothing, as if they were not there",
    config: { users: [{ name: "elroy", gecos: "", groups: [], system: false, passwd: "" }] },
    is: ["create user elroy"],
  },
  {
    name: "each user with all that is its own, in the order listed, and core's keys last",
    config: {
      ssh_authorized_keys: ["k1", "k2"],
      users: [
        {
          name: "b",
          passwd: "$6$secret",
          coreos_ssh_import_url: "https://keys.example/b",
          coreos_ssh_import_github_users: ["two", "one"],
          coreos_ssh_import_github: "one",
          ssh_authorized_keys: ["k1"],
        },
        { name: "a", passwd: "*" },
      ],
    },
    is: [
      "create user b",
      "set the password of b",
      "authorize 1 ssh key for b (coreos-cloudinit)",
      "authorize the ssh keys at https://api.github.com/users/one/keys for b (github-one)",
      "authorize the ssh keys at https://api.github.com/users/two/keys for b (github-two)",
      "authorize the ssh keys at https://keys.example/b for b (coreos-cloudinit-b)",
      "create user a",
      "set the password of a",
      "authorize 2 ssh keys for core (coreos-cloudinit)",
    ],
  },
  {
    name: "no key twice, and none that is empty",
    config: { ssh_authorized_keys: [" k1\n", "k1", " "] },
    is: ["authorize 1 ssh key for core (coreos-cloudinit)"],
  },
] satisfies { name: string; config: CloudConfig; is: string[] }[])
  test(`planUsers() plans ${name}`, () => {
    assert.deepEqual(planUsers(config).map(describeAction), is);
  });

test("planUsers() takes the name of the keys, and the place of GitHub's API", () => {
  const config = {
    users: [{ name: "a", ssh_authorized_keys: ["k"], coreos_ssh_import_github: "x/y" }],
  };
  const options = { sshKeyName: "mine", githubUrl: "http://127.0.0.1:1/" };
  assert.deepEqual(planUsers(config, options).slice(1), [
    { kind: "authorize-keys", user: "a", name: "mine", keys: ["k"] },
    {
      kind: "import-keys",
      user: "a",
      name: "github-x/y",
      url: "http://127.0.0.1:1/users/x%2Fy/keys",
    },
  ]);
});

test("no text that is shown of a plan has a password in it", () => {
  const secret = fc.stringMatching(/^[\w$./]{12,30}$/);
  fc.assert(
    fc.property(secret, (passwd) => {
      const actions = planUsers({ users: [{ name: "a", passwd }] });
      const shown = actions.map((action) => describeAction(action) + contentOf(action)).join("\n");
      assert.ok(!shown.includes(passwd), shown);
      assert.ok(JSON.stringify(actions).includes(JSON.stringify(passwd)));
    }),
  );
});
