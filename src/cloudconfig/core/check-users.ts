import { type Problem, warning } from "./problem.ts";
import { child, itemsOf, type Tree, textOf } from "./tree.ts";

/** What is amiss with keys and passwords of users. */
export function checkUsers(tree: Tree): readonly Problem[] {
  return [
    ...checkKeys(child(tree, "ssh_authorized_keys"), "ssh_authorized_keys"),
    ...itemsOf(child(tree, "users")).flatMap((user, i) => [
      ...checkKeys(child(user, "ssh_authorized_keys"), `users[${i}].ssh_authorized_keys`),
      ...checkPassword(child(user, "passwd"), `users[${i}].passwd`),
    ]),
  ];
}

// sshd(8), AUTHORIZED_KEYS FILE FORMAT; options may stand before the type.
const PUBLIC_KEY =
  /(?:^|\s)(?:ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-\S+|sk-\S+@openssh\.com)(?:-cert-v01@openssh\.com)?\s+[A-Za-z0-9+/]+=*/;

function checkKeys(keys: Tree | undefined, key: string): readonly Problem[] {
  return itemsOf(keys).flatMap((item, i) => {
    const text = textOf(item)?.trim() ?? "";
    const at = `${key}[${i}]`;
    if (/^-----BEGIN .*PRIVATE KEY/.test(text))
      return [
        warning(
          item.line,
          at,
          "is a private key, which stays with its owner; write the public one, of the .pub file",
        ),
      ];
    if (text === "" || text.startsWith("#") || PUBLIC_KEY.test(text)) return [];
    return [
      warning(
        item.line,
        at,
        'does not look like a public key, such as "ssh-ed25519 AAAA… name"; sshd will pass over it',
      ),
    ];
  });
}

/** crypt(5): hashes begin with $, and "*" or "!" lets nobody in; 13 characters are the old DES. */
const HASH = /^(?:\$\w+\$.+|[*!].*|[./0-9A-Za-z]{13}|_[./0-9A-Za-z]{19})$/;

function checkPassword(passwd: Tree | undefined, key: string): readonly Problem[] {
  const text = textOf(passwd);
  if (passwd === undefined || !text || HASH.test(text)) return [];
  return [
    warning(
      passwd.line,
      key,
      "is no hash of a password, so nobody can log in by it; make one with `openssl passwd -6`",
    ),
  ];
}
