import { fromJSON } from "@grpc/proto-loader";

type Field = readonly [id: number, type: string, rule?: "repeated"];
type Message = Readonly<Record<string, Field>>;

const HEADER: Field = [1, "ResponseHeader"];
const OPERATION: Message = {
  range: [1, "RangeRequest"],
  put: [2, "PutRequest"],
  deleteRange: [3, "DeleteRangeRequest"],
};

/** The part of etcd's API that is used here: https://github.com/etcd-io/etcd/tree/release-3.4, `rpc.proto`. */
const MESSAGES: Readonly<Record<string, Message>> = {
  ResponseHeader: {
    clusterId: [1, "uint64"],
    memberId: [2, "uint64"],
    revision: [3, "int64"],
    raftTerm: [4, "uint64"],
  },
  KeyValue: {
    key: [1, "string"],
    createRevision: [2, "int64"],
    modRevision: [3, "int64"],
    value: [5, "bytes"],
  },
  RangeRequest: {
    key: [1, "string"],
    end: [2, "string"],
    limit: [3, "int64"],
    revision: [4, "int64"],
    keysOnly: [8, "bool"],
  },
  RangeResponse: { header: HEADER, kvs: [2, "KeyValue", "repeated"], more: [3, "bool"] },
  PutRequest: { key: [1, "string"], value: [2, "bytes"], lease: [3, "int64"] },
  PutResponse: { header: HEADER },
  DeleteRangeRequest: { key: [1, "string"], end: [2, "string"] },
  DeleteRangeResponse: { header: HEADER, deleted: [2, "int64"] },
  RequestOp: OPERATION,
  ResponseOp: { range: [1, "RangeResponse"] },
  Compare: {
    result: [1, "int32"],
    target: [2, "int32"],
    key: [3, "string"],
    createRevision: [5, "int64"],
    modRevision: [6, "int64"],
    end: [64, "string"],
  },
  TxnRequest: {
    compare: [1, "Compare", "repeated"],
    success: [2, "RequestOp", "repeated"],
    failure: [3, "RequestOp", "repeated"],
  },
  TxnResponse: {
    header: HEADER,
    succeeded: [2, "bool"],
    responses: [3, "ResponseOp", "repeated"],
  },
  CompactionRequest: { revision: [1, "int64"] },
  CompactionResponse: { header: HEADER },
  WatchRequest: { create: [1, "WatchCreateRequest"] },
  WatchCreateRequest: {
    key: [1, "string"],
    end: [2, "string"],
    startRevision: [3, "int64"],
    filters: [5, "int32", "repeated"],
    fragment: [8, "bool"],
  },
  WatchResponse: {
    header: HEADER,
    created: [3, "bool"],
    canceled: [4, "bool"],
    compactRevision: [5, "int64"],
    cancelReason: [6, "string"],
    events: [11, "Event", "repeated"],
  },
  Event: { type: [1, "int32"], kv: [2, "KeyValue"] },
  LeaseGrantRequest: { ttl: [1, "int64"] },
  LeaseGrantResponse: { header: HEADER, id: [2, "int64"], ttl: [3, "int64"] },
  LeaseRevokeRequest: { id: [1, "int64"] },
  LeaseRevokeResponse: { header: HEADER },
  LeaseKeepAliveRequest: { id: [1, "int64"] },
  LeaseKeepAliveResponse: { header: HEADER, ttl: [3, "int64"] },
  Member: {
    id: [1, "uint64"],
    name: [2, "string"],
    peerURLs: [3, "string", "repeated"],
    clientURLs: [4, "string", "repeated"],
    isLearner: [5, "bool"],
  },
  MemberListRequest: {},
  MemberListResponse: { header: HEADER, members: [2, "Member", "repeated"] },
  MemberAddRequest: { peerURLs: [1, "string", "repeated"] },
  MemberAddResponse: { header: HEADER, member: [2, "Member"] },
  MemberRemoveRequest: { id: [1, "uint64"] },
  MemberRemoveResponse: { header: HEADER },
  MemberUpdateRequest: { id: [1, "uint64"], peerURLs: [2, "string", "repeated"] },
  MemberUpdateResponse: { header: HEADER },
  StatusRequest: {},
  StatusResponse: {
    header: HEADER,
    version: [2, "string"],
    dbSize: [3, "int64"],
    leader: [4, "uint64"],
    raftIndex: [5, "uint64"],
    raftTerm: [6, "uint64"],
    errors: [8, "string", "repeated"],
    dbSizeInUse: [9, "int64"],
  },
  AlarmRequest: { action: [1, "int32"], memberID: [2, "uint64"], alarm: [3, "int32"] },
  AlarmResponse: { header: HEADER },
  DefragmentRequest: {},
  DefragmentResponse: { header: HEADER },
  SnapshotRequest: {},
  SnapshotResponse: { header: HEADER, blob: [3, "bytes"] },
};

/** Fields of which a message has one at most; only these tell a 0 from nothing. */
const ONE_OF: Readonly<Record<string, readonly string[]>> = {
  RequestOp: ["range", "put", "deleteRange"],
  ResponseOp: ["range"],
  Compare: ["createRevision", "modRevision"],
  WatchRequest: ["create"],
};

/** What a method takes and gives is named after it. */
const SERVICES: Readonly<Record<string, readonly string[]>> = {
  KV: ["Range", "Put", "DeleteRange", "Txn", "Compact"],
  Watch: ["Watch"],
  Lease: ["LeaseGrant", "LeaseRevoke", "LeaseKeepAlive"],
  Cluster: ["MemberList", "MemberAdd", "MemberRemove", "MemberUpdate"],
  Maintenance: ["Status", "Alarm", "Defragment", "Snapshot"],
};
const STREAMS: readonly string[] = ["Watch", "LeaseKeepAlive", "Snapshot"];
const PACKAGE = "etcdserverpb";

export interface EtcdMethod {
  readonly path: string;
  readonly serialize: (message: object) => Buffer;
  readonly deserialize: (bytes: Buffer) => object;
}

/** Every method by its name. */
export function loadEtcdMethods(): ReadonlyMap<string, EtcdMethod> {
  const nested: Record<string, object> = {};
  for (const [name, message] of Object.entries(MESSAGES)) nested[name] = describe(name, message);
  for (const [name, methods] of Object.entries(SERVICES))
    nested[name] = {
      methods: Object.fromEntries(methods.map((method) => [method, typesOf(method)])),
    };
  const loaded = fromJSON(
    { nested: { [PACKAGE]: { nested } } },
    { keepCase: true, longs: String, defaults: true },
  );
  const found = new Map<string, EtcdMethod>();
  for (const service of Object.keys(SERVICES)) {
    const methods = loaded[`${PACKAGE}.${service}`];
    if (methods === undefined || "format" in methods) continue;
    for (const [name, { path, requestSerialize, responseDeserialize }] of Object.entries(methods))
      found.set(name, { path, serialize: requestSerialize, deserialize: responseDeserialize });
  }
  return found;
}

function describe(name: string, message: Message): object {
  const fields = Object.entries(message).map(([field, [id, type, rule]]) => [
    field,
    rule === undefined ? { id, type } : { id, type, rule },
  ]);
  const oneof = ONE_OF[name];
  return {
    fields: Object.fromEntries(fields),
    ...(oneof === undefined ? {} : { oneofs: { one: { oneof } } }),
  };
}

function typesOf(method: string): object {
  const subject = method === "Compact" ? "Compaction" : method;
  const isStream = STREAMS.includes(method);
  return {
    requestType: `${subject}Request`,
    responseType: `${subject}Response`,
    ...(isStream ? { requestStream: method !== "Snapshot", responseStream: true } : {}),
  };
}
