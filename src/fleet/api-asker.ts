import * as v from "valibot";
import { reasonOf } from "#base/fault.ts";
import { ApiRefusal, jsonBody } from "./api-answer.ts";
import type { Exchange } from "./api-context.ts";

/** Whoever asked, and why; what a client does not say is not known. */
export const Asker = {
  by: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(200)), "somebody"),
  why: v.optional(v.pipe(v.string(), v.maxLength(1_000)), ""),
};
/** An absent body is an empty one. @throws {ApiRefusal} 400 */
export async function bodyOf<Schema extends v.GenericSchema>(
  { request }: Exchange,
  schema: Schema,
): Promise<v.InferOutput<Schema>> {
  const isEmpty = request.headers["content-type"] === undefined;
  const text = isEmpty ? "{}" : await jsonBody(request);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new ApiRefusal(400, `unable to decode body: ${reasonOf(error)}`);
  }
  const result = v.safeParse(schema, parsed);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const where = v.getDotPath(issue) ?? "value";
  throw new ApiRefusal(400, `unable to decode body: ${where}: ${issue.message}`);
}
