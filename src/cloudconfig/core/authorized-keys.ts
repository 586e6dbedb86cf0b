/** One of the files that a user's authorized keys are the sum of. */
export interface KeyPart {
  readonly name: string;
  readonly content: string;
}

/** Where keys are kept that were there before any part was. */
export const ORIGINAL_PART = "orig_authorized_keys";

const HEADER =
  "# Made of the files in authorized_keys.d, by name: put keys of your own into one there.\n";

/** The authorized_keys file that stands for these parts. */
export function sumOfParts(parts: readonly KeyPart[]): string {
  const sorted = parts.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const contents = sorted.map(({ content }) => content.replace(/[^\n]$/, "$&\n"));
  return HEADER + contents.join("");
}

/** What an authorized_keys file that no parts stand for has to keep. */
export function originalPart(authorizedKeys: string): string {
  return authorizedKeys.startsWith(HEADER) ? authorizedKeys.slice(HEADER.length) : authorizedKeys;
}

/** Whether a part may bear this name: it is a file's, and `.` hides none. */
export function isPartName(name: string): boolean {
  return /^[^./\0\n][^/\0\n]{0,200}$/.test(name);
}

const KEY_TYPE =
  /^(?:ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-nistp(?:256|384|521)|sk-[\w-]+@openssh\.com|[\w@.-]+-cert-v01@openssh\.com)$/;

/** Whether sshd(8) finds a key in the line: its type, then in base64 the key, which begins with the type again. */
export function isKeyLine(line: string): boolean {
  const words = line.split(/\s+/);
  return words.some((word, i) => KEY_TYPE.test(word) && beginsWithType(words[i + 1] ?? "", word));
}

/** A string in ssh's data is its length in four octets, then its characters; RFC 4251 section 5. */
function beginsWithType(base64: string, type: string): boolean {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64) || base64.length % 4 !== 0) return false;
  const length = String.fromCharCode(0, 0, 0, type.length);
  return atob(base64).startsWith(length + type);
}

/**
 * The keys in the JSON that GitHub's API has for a user, `[{"key": "ssh-rsa …"}, …]`.
 * @returns nothing when it is something else
 */
export function keysOfAnswer(text: string): readonly string[] | undefined {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(answer)) return undefined;
  const keys: string[] = [];
  for (const item of answer as readonly unknown[]) {
    const key = typeof item === "object" && item !== null && "key" in item ? item.key : undefined;
    if (typeof key !== "string") return undefined;
    keys.push(...key.split("\n").map((line) => line.trim()));
  }
  return keys.filter(Boolean);
}
