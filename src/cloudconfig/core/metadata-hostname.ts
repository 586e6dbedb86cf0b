const LENGTH_MAX = 64; // HOST_NAME_MAX, hostname(7)

/**
 * Whether a machine can have the name that its cloud gives it. Unlike a cloud-config's own it may have underscores, as
 * clouds let people write them; more than a name, such as a second line, would reach /etc/hosts and daemons' settings.
 */
export function isMetadataHostname(text: string): boolean {
  return (
    text.length <= LENGTH_MAX && /^[A-Za-z0-9](?:[\w-]*[A-Za-z0-9])?(?:\.[\w-]+)*\.?$/.test(text)
  );
}
