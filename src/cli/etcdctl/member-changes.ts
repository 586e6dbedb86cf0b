import { checkPeerUrls } from "#keys/core/peer-urls.ts";
import { type Command, plainRefusal } from "./command.ts";
import { explain } from "./explain.ts";
import { addMember, membersOf, removeMember, updateMember } from "./members.ts";
import { print } from "./print-reply.ts";
import { withApi } from "./session.ts";

const REMOVING_EXPLAINED =
  "https://github.com/etcd-io/etcd/blob/master/Documentation/runtime-configuration.md#remove-a-member";

export const memberAdd: Command = {
  name: "add",
  usage: "let a new member into the cluster, and show how it is to be started",
  argsUsage: "<name> <peerURL>",
  flags: [],
  run: async (given) => {
    const { args, io } = given;
    const [name, url] = args;
    if (name === undefined || url === undefined || args.length > 2)
      throw plainRefusal("Provide a name and a single member peerURL");
    return withApi(given, async (connected) => {
      const added = await addMember(connected, peerUrlsOf([url]));
      print(io, `Added member named ${name} with ID ${added.id} to cluster`);
      const members = await membersOf(connected);
      const cluster = members.flatMap(({ id, name: own, peerUrls }) =>
        peerUrls.map((peerUrl) => `${id === added.id ? name : own}=${peerUrl}`),
      );
      print(io, `\nETCD_NAME=${JSON.stringify(name)}`);
      print(io, `ETCD_INITIAL_CLUSTER=${JSON.stringify(cluster.join(","))}`);
      print(io, 'ETCD_INITIAL_CLUSTER_STATE="existing"');
      return 0;
    });
  },
};

export const memberRemove: Command = {
  name: "remove",
  usage: "take a member out of the cluster",
  argsUsage: "<memberID>",
  flags: [],
  run: async (given) => {
    const [id] = given.args;
    if (id === undefined || given.args.length > 1) throw plainRefusal("Provide a single member ID");
    return withApi(given, async (connected) => {
      const { io } = given;
      const members = await membersOf(connected).catch((error: unknown) => {
        connected.signal.throwIfAborted();
        throw plainRefusal(`Error while verifying ID against known members: ${explain(error)}`);
      });
      for (const member of members)
        if (member.name === id)
          io.stderr.write(
            `Found a member named ${id}; if this is correct, please use its ID, eg:\n\tetcdctl member remove ${member.id}\nFor more details, read the documentation at ${REMOVING_EXPLAINED}\n\n`,
          );
      if (!members.some((member) => member.id === id))
        throw plainRefusal(`Couldn't find a member in the cluster with an ID of ${id}.`);
      try {
        await removeMember(connected, id);
      } catch (error) {
        connected.signal.throwIfAborted();
        throw plainRefusal(`Received an error trying to remove member ${id}: ${explain(error)}`);
      }
      print(io, `Removed member ${id} from cluster`);
      return 0;
    });
  },
};

export const memberUpdate: Command = {
  name: "update",
  usage: "give a member other peer URLs",
  argsUsage: "<memberID> <peerURLs>",
  flags: [],
  run: async (given) => {
    const [id, urls] = given.args;
    if (id === undefined || urls === undefined || given.args.length > 2)
      throw plainRefusal(
        "Provide an ID and a list of comma separated peerURL (0xabcd http://example.com,http://example1.com)",
      );
    return withApi(given, async (connected) => {
      await updateMember(connected, id, peerUrlsOf(urls.split(",")));
      print(given.io, `Updated member with ID ${id} in cluster`);
      return 0;
    });
  },
};

/** @throws {Refusal} in etcd's words. */
function peerUrlsOf(texts: readonly string[]): readonly string[] {
  const urls = checkPeerUrls(texts);
  if ("message" in urls) throw plainRefusal(urls.message);
  return urls;
}
