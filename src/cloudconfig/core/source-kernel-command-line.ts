/**
 * The URL that `cloud-config-url=` names on a kernel's command line; hyphens may be underscores, and of several the
 * last one counts, as in the original. Undefined when there is none, or one without a value.
 */
export function cloudConfigUrl(commandLine: string): string | undefined {
  let url: string | undefined;
  for (const word of commandLine.trim().split(/\s+/)) {
    const [, key = "", value] = /^([^=]*)=(.*)$/.exec(word) ?? [];
    if (key.replaceAll("_", "-") === "cloud-config-url") url = value;
  }
  return url;
}
