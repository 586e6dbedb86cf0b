import { type Command, EXIT } from "./command.ts";
import { leaderOf, membersOf } from "./members.ts";
import { print } from "./print-reply.ts";
import { withKeys } from "./session.ts";

export const memberList: Command = {
  name: "list",
  usage: "show the members of the cluster",
  argsUsage: "",
  flags: [],
  run: async (given) => {
    if (given.args.length > 0) {
      given.io.stderr.write("No arguments accepted\n");
      return EXIT.badArguments;
    }
    return withKeys(given, async ({ client, signal }) => {
      const members = await membersOf(client, signal);
      const leader = await leaderOf(client, signal);
      for (const { id, name, peerUrls, clientUrls } of members)
        print(
          given.io,
          name === ""
            ? `${id}[unstarted]: peerURLs=${peerUrls.join(",")}`
            : `${id}: name=${name} peerURLs=${peerUrls.join(",")} clientURLs=${clientUrls.join(",")} isLeader=${id === leader.id}`,
        );
      return 0;
    });
  },
};
