/** Between etcd's messages as the loader gives them (64-bit numbers are decimal texts) and our own types. */

import type {
  EtcdEvent,
  EtcdHeader,
  EtcdKeyValue,
  EtcdMember,
  EtcdStatus,
  EtcdTxn,
  EtcdWatch,
} from "#log/etcd-client.ts";

export interface Answer {
  readonly header: {
    readonly clusterId: string;
    readonly memberId: string;
    readonly revision: string;
    readonly raftTerm: string;
  };
}

interface KeyValue {
  readonly key: string;
  readonly value: Uint8Array;
  readonly createRevision: string;
  readonly modRevision: string;
}

interface Member {
  readonly id: string;
  readonly name: string;
  readonly peerURLs: readonly string[];
  readonly clientURLs: readonly string[];
  readonly isLearner: boolean;
}

export interface Range extends Answer {
  readonly kvs: readonly KeyValue[];
  readonly more: boolean;
}
export interface Deleted extends Answer {
  readonly deleted: string;
}
export interface Txn extends Answer {
  readonly succeeded: boolean;
  readonly responses: readonly { readonly range?: Range }[];
}
export interface Watched extends Answer {
  readonly created: boolean;
  readonly canceled: boolean;
  readonly compactRevision: string;
  readonly cancelReason: string;
  readonly events: readonly { readonly type: number; readonly kv: KeyValue }[];
}
export interface Lease extends Answer {
  readonly id: string;
  readonly ttl: string;
}
export interface Members extends Answer {
  readonly members: readonly Member[];
}
export interface MemberAdded extends Answer {
  readonly member: Member;
}
export interface Status extends Answer {
  readonly version: string;
  readonly dbSize: string;
  readonly dbSizeInUse: string;
  readonly errors: readonly string[];
  readonly leader: string;
  readonly raftIndex: string;
  readonly raftTerm: string;
}
export interface Piece extends Answer {
  readonly blob: Uint8Array;
}

/** Numbers of etcd's enums: Compare.CompareResult and CompareTarget, Event.EventType, WatchCreateRequest.FilterType. */
const RESULT = { equal: 0, greater: 1, less: 2 } as const;
const TARGET = { createRevision: 1, modRevision: 2 } as const;
const DELETE = 1;
/** AlarmRequest.AlarmAction and AlarmType. */
const DEACTIVATE = 2;
const NOSPACE = 1;
/** How a status writes the alarm that a member, by its number, ran out of space. */
const SPACE_ALARM = /^memberID:(\d+)\s+alarm:NOSPACE/;
const NO_DELETE = 1;

/** @throws {RangeError} beyond what a number holds exactly. */
export function count(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`etcd's number ${text} is not exact here`);
  return value;
}

/** An id as etcd's messages have it, from hexadecimal. */
export function decimal(id: string): string {
  return BigInt(`0x${id}`).toString();
}

function hexadecimal(id: string): string {
  return BigInt(id).toString(16);
}

export function header({ header: from }: Answer): EtcdHeader {
  return {
    clusterId: hexadecimal(from.clusterId),
    memberId: hexadecimal(from.memberId),
    revision: count(from.revision),
    raftTerm: count(from.raftTerm),
  };
}

export function keyValue(kv: KeyValue): EtcdKeyValue {
  const { key, value } = kv;
  return {
    key,
    value,
    createRevision: count(kv.createRevision),
    modRevision: count(kv.modRevision),
  };
}

export function event({ type, kv }: Watched["events"][number]): EtcdEvent {
  return { type: type === DELETE ? "delete" : "put", kv: keyValue(kv) };
}

export function member(from: Member): EtcdMember {
  const { name, peerURLs, clientURLs, isLearner } = from;
  return { id: hexadecimal(from.id), name, peerURLs, clientURLs, isLearner };
}

export function status(answer: Status): EtcdStatus {
  const dbSizeBytes = count(answer.dbSize);
  return {
    header: header(answer),
    version: answer.version,
    dbSizeBytes,
    dbInUseBytes: count(answer.dbSizeInUse) || dbSizeBytes,
    spaceAlarms: answer.errors.flatMap((text) => {
      const found = SPACE_ALARM.exec(text)?.[1];
      return found === undefined ? [] : [hexadecimal(found)];
    }),
    leader: hexadecimal(answer.leader),
    raftIndex: count(answer.raftIndex),
    raftTerm: count(answer.raftTerm),
  };
}

export function txn({ compare, success, failure = [] }: EtcdTxn): object {
  return {
    compare: compare.map(({ key, end, target, result, revision }) => ({
      key,
      ...(end === undefined ? {} : { end }),
      target: TARGET[target],
      result: RESULT[result],
      [target]: revision,
    })),
    success: success.map(({ op, ...request }) => ({ [op]: request })),
    failure: failure.map(({ op, ...request }) => ({ [op]: request })),
  };
}

export function watch({ key, end, startRevision, putsOnly = false }: EtcdWatch): object {
  return {
    key,
    startRevision,
    fragment: true,
    ...(end === undefined ? {} : { end }),
    filters: putsOnly ? [NO_DELETE] : [],
  };
}

export function disarmSpace(memberId: string): object {
  return { action: DEACTIVATE, memberID: decimal(memberId), alarm: NOSPACE };
}
