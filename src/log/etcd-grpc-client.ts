import { type ClientDuplexStream, Metadata } from "@grpc/grpc-js";
import { EtcdChannels, type EtcdChannelsOptions, errorOf } from "#log/etcd-channels.ts";
import {
  type CallOptions,
  type EtcdClient,
  EtcdError,
  type EtcdHeader,
  type EtcdLease,
  type EtcdMember,
  type EtcdMembersAnswer,
  type EtcdPut,
  type EtcdRange,
  type EtcdRangeAnswer,
  type EtcdStatus,
  type EtcdTxn,
  type EtcdTxnAnswer,
  type EtcdWatch,
  type EtcdWatchAnswer,
  GRPC,
} from "#log/etcd-client.ts";
import * as wire from "#log/etcd-wire.ts";

/** etcd asks for this before it ends a stream of a member that lost its leader. */
const REQUIRE_LEADER = "hasleader";

/** A client of real etcd servers. It connects when first asked. */
export function openEtcdClient(options: EtcdChannelsOptions): EtcdClient {
  return new GrpcClient(new EtcdChannels(options));
}

class GrpcClient implements EtcdClient {
  readonly #channels: EtcdChannels;

  constructor(channels: EtcdChannels) {
    this.#channels = channels;
  }

  async range(request: EtcdRange, options: CallOptions): Promise<EtcdRangeAnswer> {
    const answer = await this.#ask<wire.Range>("Range", request, options);
    return { header: wire.header(answer), kvs: answer.kvs.map(wire.keyValue), more: answer.more };
  }

  async put(request: EtcdPut, options: CallOptions): Promise<EtcdHeader> {
    return wire.header(await this.#ask("Put", request, options));
  }

  async deleteRange(request: { key: string; end?: string }, options: CallOptions): Promise<number> {
    const answer = await this.#ask<wire.Deleted>("DeleteRange", request, options);
    return wire.count(answer.deleted);
  }

  async txn(request: EtcdTxn, options: CallOptions): Promise<EtcdTxnAnswer> {
    const answer = await this.#ask<wire.Txn>("Txn", wire.txn(request), options);
    return {
      header: wire.header(answer),
      succeeded: answer.succeeded,
      ranges: answer.responses.flatMap(({ range }) =>
        range ? [range.kvs.map(wire.keyValue)] : [],
      ),
    };
  }

  async compact(revision: number, options: CallOptions): Promise<void> {
    await this.#ask("Compact", { revision }, options);
  }

  async *watch(request: EtcdWatch, signal: AbortSignal): AsyncGenerator<EtcdWatchAnswer, void> {
    const metadata = new Metadata();
    metadata.set(REQUIRE_LEADER, "true");
    const stream = this.#channels.stream<wire.Watched>("Watch", metadata);
    stream.write({ create: wire.watch(request) });
    for await (const answer of answers(stream, signal, this.#channels)) {
      const compactRevision = wire.count(answer.compactRevision);
      if (compactRevision > 0) {
        yield { kind: "compacted", compactRevision };
        return;
      }
      if (answer.canceled) {
        const reason = answer.cancelReason || "etcdserver: the watch was cancelled";
        throw new EtcdError(GRPC.UNAVAILABLE, reason);
      }
      const header = wire.header(answer);
      if (answer.created) yield { kind: "created", header };
      if (answer.events.length > 0)
        yield { kind: "events", header, events: answer.events.map(wire.event) };
    }
    throw new EtcdError(GRPC.UNAVAILABLE, "the watch ended");
  }

  async grantLease(ttlMs: number, options: CallOptions): Promise<EtcdLease> {
    const request = { ttl: Math.ceil(ttlMs / 1000) };
    const answer = await this.#ask<wire.Lease>("LeaseGrant", request, options);
    return { id: answer.id, ttlMs: wire.count(answer.ttl) * 1000 };
  }

  async revokeLease(id: string, options: CallOptions): Promise<void> {
    await this.#ask("LeaseRevoke", { id }, options);
  }

  async keepLeaseAlive(id: string, options: CallOptions): Promise<number> {
    const deadline = this.#channels.deadline(options);
    const stream = this.#channels.stream<wire.Lease>("LeaseKeepAlive", new Metadata(), deadline);
    stream.write({ id });
    for await (const { ttl } of answers(stream, options.signal, this.#channels))
      return wire.count(ttl) * 1000;
    throw new EtcdError(GRPC.UNAVAILABLE, "the stream ended without an answer");
  }

  async memberList(options: CallOptions): Promise<EtcdMembersAnswer> {
    const answer = await this.#ask<wire.Members>("MemberList", {}, options);
    return { header: wire.header(answer), members: answer.members.map(wire.member) };
  }

  async memberAdd(peerURLs: readonly string[], options: CallOptions): Promise<EtcdMember> {
    const answer = await this.#ask<wire.MemberAdded>("MemberAdd", { peerURLs }, options);
    return wire.member(answer.member);
  }

  async memberRemove(id: string, options: CallOptions): Promise<void> {
    await this.#ask("MemberRemove", { id: wire.decimal(id) }, options);
  }

  async memberUpdate(id: string, peerURLs: readonly string[], options: CallOptions): Promise<void> {
    await this.#ask("MemberUpdate", { id: wire.decimal(id), peerURLs }, options);
  }

  async status(options: CallOptions): Promise<EtcdStatus> {
    return wire.status(await this.#ask<wire.Status>("Status", {}, options));
  }

  async *snapshot(signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
    const stream = this.#channels.stream<wire.Piece>("Snapshot", new Metadata());
    stream.write({});
    stream.end();
    for await (const { blob } of answers(stream, signal, this.#channels)) yield blob;
  }

  async defragment(options: CallOptions): Promise<void> {
    await this.#ask("Defragment", {}, options);
  }

  async disarmSpace(memberId: string, options: CallOptions): Promise<void> {
    await this.#ask("Alarm", wire.disarmSpace(memberId), options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#channels.close();
  }

  #ask<A extends wire.Answer>(method: string, request: object, options: CallOptions): Promise<A> {
    return this.#channels.ask<A>(method, request, options);
  }
}

/** What a stream gives until it ends, is left or the signal aborts; then it is ended at the server too. */
async function* answers<A>(
  stream: ClientDuplexStream<object, A>,
  signal: AbortSignal,
  channels: EtcdChannels,
): AsyncGenerator<A, void> {
  const abort = () => stream.cancel();
  signal.addEventListener("abort", abort, { once: true });
  try {
    if (signal.aborted) abort();
    for await (const answer of stream) yield answer as A;
  } catch (error) {
    signal.throwIfAborted();
    channels.failed(stream, error);
    throw errorOf(error);
  } finally {
    signal.removeEventListener("abort", abort);
    stream.on("error", () => {}); // its own cancellation is no news
    stream.cancel();
  }
}
