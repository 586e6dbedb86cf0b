import { acceptNoArguments, type Command, plainRefusal, Refusal } from "./command.ts";
import { explain } from "./explain.ts";
import { leaderOf, type Member, membersOf } from "./members.ts";
import { print } from "./print-reply.ts";
import { withApi } from "./session.ts";

export const memberList: Command = {
  name: "list",
  usage: "show the members of the cluster",
  argsUsage: "",
  flags: [],
  run: async (given) => {
    acceptNoArguments(given.args);
    return withApi(given, async (connected) => {
      const members = await membersOf(connected);
      const leader = await leaderOf(connected).catch((error: unknown) => {
        connected.signal.throwIfAborted();
        return plainRefusal(`Failed to get leader:  ${explain(error)}`);
      });
      // Without a leader the list is worth as much: it tells who has to be started.
      const leaderId = leader instanceof Refusal ? undefined : leader.id;
      for (const member of members) print(given.io, describe(member, member.id === leaderId));
      if (leader instanceof Refusal) throw leader;
      return 0;
    });
  },
};

function describe({ id, name, peerUrls, clientUrls }: Member, isLeader: boolean): string {
  const peers = `peerURLs=${peerUrls.join(",")}`;
  return name === ""
    ? `${id}[unstarted]: ${peers}`
    : `${id}: name=${name} ${peers} clientURLs=${clientUrls.join(",")} isLeader=${isLeader}`;
}
