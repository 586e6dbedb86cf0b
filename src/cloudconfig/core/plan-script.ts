import type { RunScriptAction } from "./action.ts";

export const DEFAULT_WORKSPACE = "/var/lib/coreos-cloudinit";

/**
 * The step that runs user-data that is a script. The original hands every script to /bin/bash, whatever its first line
 * says; here that is so for shells only (its machines had bash as sh), with the options that the line gives them.
 * @param workspace absolute, on the machine
 */
export function planScript(content: string, workspace = DEFAULT_WORKSPACE): RunScriptAction {
  return { kind: "run-script", workspace, content, interpreter: interpreterOf(content) };
}

function interpreterOf(script: string): readonly string[] {
  const line = /^#![ \t]*(.*?)\s*$/m.exec(script.split("\n", 1)[0] ?? "")?.[1] ?? "";
  const shell = /^(?:\/(?:usr\/)?bin\/env[ \t]+|\/\S*\/)?(?:ba)?sh(?:[ \t]+(.*))?$/.exec(line);
  if (line !== "" && shell === null) return [];
  return ["/bin/bash", ...(shell?.[1] === undefined ? [] : [shell[1]])];
}
