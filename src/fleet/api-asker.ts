import * as v from "valibot";
import { ApiRefusal, jsonBody } from "./api-answer.ts";
import type { Exchange } from "./api-context.ts";
import { readJson } from "./core/records.ts";

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
  return decoded(schema, isEmpty ? "{}" : await jsonBody(request));
}

/** What a JSON body says. @throws {ApiRefusal} 400 */
export function decoded<Schema extends v.GenericSchema>(
  schema: Schema,
  text: string,
): v.InferOutput<Schema> {
  const read = readJson(schema, text, (body) => body);
  if ("value" in read) return read.value;
  throw new ApiRefusal(400, `unable to decode body: ${read.problem}`);
}
