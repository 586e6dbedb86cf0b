import { describeOperation, type History, isWrite, type Operation } from "./history.ts";
import { linearize, type Model } from "./linearize.ts";
import { EMPTY, type Register, registerText, stepRegister } from "./register.ts";

const REGISTER: Model<Register> = { initial: EMPTY, step: stepRegister, text: registerText };

/**
 * What is wrong with a history of operations on plain keys, in sentences; nothing when every answer is right: each key
 * linearizable, the store's one index over all keys, and reads without quorum in order on each server.
 */
export function checkHistory(history: History): string[] {
  const problems: string[] = [];
  const isRead = ({ call }: Operation) => call.op === "read";
  const ordered = history.filter((operation) => !isRead(operation));
  for (const [key, operations] of Map.groupBy(ordered, (one) => one.key)) {
    const verdict = linearize(operations, REGISTER);
    if (verdict.kind === "undecided")
      problems.push(
        `${key}: undecided after ${verdict.steps} steps over ${operations.length} operations`,
      );
    if (verdict.kind === "violation")
      problems.push(
        [
          `${key} is not linearizable; no place for one of:`,
          ...verdict.stuck.map(describeOperation),
        ].join("\n    "),
      );
  }
  return [...problems, ...checkIndices(ordered), ...checkReads(history)];
}

/** Every write has an index of its own, and what begins after an answer shows no older index than that. */
function checkIndices(ordered: History): string[] {
  const problems: string[] = [];
  const writers = new Map<number, Operation>();
  for (const operation of ordered) {
    if (!isWrite(operation) || operation.answer.kind !== "done") continue;
    const other = writers.get(operation.answer.index);
    if (other)
      problems.push(
        `two writes at one index: ${describeOperation(other)}; ${describeOperation(operation)}`,
      );
    writers.set(operation.answer.index, operation);
  }
  return [...problems, ...checkNotOlder(ordered, "after an answer of a newer index")];
}

function checkNotOlder(operations: History, what: string): string[] {
  const problems: string[] = [];
  const answered = operations
    .filter(({ answer }) => answer.kind !== "unknown")
    .toSorted((a, b) => a.answeredAt - b.answeredAt);
  let newest: Operation | undefined;
  let at = 0;
  for (const operation of answered.toSorted((a, b) => a.calledAt - b.calledAt)) {
    for (let one = answered[at]; one && one.answeredAt < operation.calledAt; one = answered[++at])
      if (newest === undefined || indexOf(one) > indexOf(newest)) newest = one;
    if (newest === undefined) continue;
    const isOlder = isWrite(operation)
      ? indexOf(operation) <= indexOf(newest)
      : indexOf(operation) < indexOf(newest);
    if (isOlder)
      problems.push(
        `${what}: ${describeOperation(operation)}; before: ${describeOperation(newest)}`,
      );
  }
  return problems;
}

function indexOf({ answer }: Operation): number {
  return answer.kind === "unknown" ? Number.NaN : answer.index;
}

/** Reads without quorum may be late, but never go back on one server, and show only what was, when it was. */
function checkReads(history: History): string[] {
  const problems: string[] = [];
  for (const [session, operations] of Map.groupBy(history, (one) => one.session))
    problems.push(...checkNotOlder(operations, `${session} went back`));
  for (const [, operations] of Map.groupBy(history, (one) => one.key)) {
    const writes = operations.filter(isWrite).toSorted((a, b) => indexOf(a) - indexOf(b));
    const unknown = operations.filter(({ answer }) => answer.kind === "unknown");
    for (const operation of operations)
      if (operation.call.op === "read") {
        const problem = readProblem(operation, writes, unknown);
        if (problem) problems.push(`${problem}: ${describeOperation(operation)}`);
      }
  }
  return problems;
}

function readProblem(read: Operation, writes: History, unknown: History): string | undefined {
  const { answer } = read;
  if (answer.kind === "unknown") return undefined;
  const newest = writes.findLast((write) => indexOf(write) <= answer.index);
  const newestIndex = newest ? indexOf(newest) : 0;
  const couldBe = unknown.filter(({ calledAt }) => calledAt < read.answeredAt);
  const isRemoval = ({ call }: Operation) => call.op === "delete" || call.op === "compareAndDelete";
  if (answer.kind === "refused") {
    if (answer.code !== 100) return "an error that no read has";
    if (newest === undefined || isRemoval(newest) || couldBe.some(isRemoval)) return undefined;
    return `misses the write at ${newestIndex}`;
  }
  const { modifiedIndex } = answer.node;
  if (modifiedIndex > answer.index) return "shows a newer index than the store's";
  if (modifiedIndex < newestIndex) return `is older than the write at ${newestIndex}`;
  if (newest && modifiedIndex === newestIndex && newest.calledAt > read.answeredAt)
    return "shows what was not asked for yet";
  if (modifiedIndex === newestIndex)
    return valueOf(newest) === answer.value
      ? undefined
      : `differs from the write at ${newestIndex}`;
  const maker = couldBe.some((one) => valueOf(one) === answer.value);
  return maker ? undefined : "shows what nobody wrote";
}

function valueOf(operation: Operation | undefined): string | undefined {
  return operation && "value" in operation.call ? operation.call.value : undefined;
}
