// The page of the validator: sends what is typed to the service that the page came from, and shows what it answers.

const CHECK_AFTER_MS = 400; // of rest in typing
const KINDS = ["error", "warning", "info"];
const SIGNS = { error: "✖", warning: "▲", info: "●" };
const EXAMPLE = `#cloud-config
hostname: core-01
coreos:
  etcd2:
    discovry: https://discovery.example/token
    listen-client-urls: http://0.0.0.0:2379
  units:
    - name: etcd2.service
      command: strat
    - name: hello.service
      content: |
        [Servce]
        ExecStart=/bin/echo hello
write_files:
  - path: /usr/bin/hello
    permissions: "0755"
`;

const byId = (id) => document.getElementById(id);
const [text, gutter, marks, findings, verdict, editor, file] = [
  "text",
  "gutter",
  "marks",
  "findings",
  "verdict",
  "editor",
  "file",
].map(byId);

/** What the last answer found; lines are those of the text that was sent. */
let entries = [];
let timer;
let asking = new AbortController();

text.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(check, CHECK_AFTER_MS);
  drawLines();
});
text.addEventListener("scroll", followScroll);
text.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  check();
});
byId("check").addEventListener("click", check);
byId("example").addEventListener("click", () => show(EXAMPLE));
byId("open").addEventListener("click", () => file.click());
file.addEventListener("change", () => read(file.files[0]));
window.addEventListener("hashchange", goToLine);
for (const type of ["dragover", "dragleave", "drop"])
  document.addEventListener(type, (event) => {
    event.preventDefault();
    editor.classList.toggle("dropping", type === "dragover");
    if (type === "drop") drop(event.dataTransfer);
  });
drawLines();
goToLine();
if (text.value !== "") check();

function drop(data) {
  if (data.files.length > 0) read(data.files[0]);
  else if (data.getData("text")) show(data.getData("text"));
}

async function read(chosen) {
  if (chosen === undefined) return;
  file.value = "";
  show(await chosen.text());
}

function show(content) {
  text.value = content;
  text.scrollTop = 0;
  drawLines();
  text.focus();
  check();
}

/** Asks the service; an answer that comes after a newer question is dropped. */
async function check() {
  clearTimeout(timer);
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  if (text.value === "") {
    tell([], "Nothing to check yet", "");
    return;
  }
  try {
    const answer = await fetch("../validate", { method: "PUT", body: text.value, signal });
    const told = await answer.json();
    if (signal.aborted) return;
    if (answer.ok) tell(told.result, summary(told.result), told.status === 0 ? "good" : "bad");
    else tell([], told.error, "bad");
  } catch (error) {
    if (!signal.aborted) tell([], `Cannot reach the validator: ${error.message}; try again`, "bad");
  }
}

function summary(found) {
  const count = (kind) => found.filter((entry) => entry.kind === kind).length;
  const parts = [
    [count("error"), "error", "errors"],
    [count("warning"), "warning", "warnings"],
    [count("info"), "note", "notes"],
  ]
    .filter(([n]) => n > 0)
    .map(([n, one, many]) => `${n} ${n === 1 ? one : many}`);
  return parts.length === 0 ? "Valid: nothing to complain of" : parts.join(", ");
}

function tell(found, words, mood) {
  entries = found;
  verdict.textContent = words;
  verdict.className = mood;
  findings.replaceChildren(...found.map(toItem));
  drawLines();
}

function toItem({ kind, line, message, key, hint }) {
  const link = document.createElement("a");
  link.href = `#L${line}`;
  link.textContent = `${SIGNS[kind]} line ${line}: ${kind}`;
  // The same link once more changes no address, and shall go there all the same.
  link.addEventListener("click", () => {
    if (location.hash === link.hash) goToLine();
  });
  const words = document.createElement("p");
  words.textContent = message;
  const item = document.createElement("li");
  item.className = kind;
  item.append(link, words);
  if (hint !== undefined) {
    const advice = document.createElement("p");
    advice.className = "hint";
    advice.textContent = key === undefined ? hint : `${key}: ${hint}`;
    item.append(advice);
  }
  return item;
}

/** The numbers at the side, and the marks behind the text. */
function drawLines() {
  const lines = text.value.split("\n");
  const worst = new Map();
  for (const { kind, line } of entries) {
    const before = worst.get(line);
    if (before === undefined || KINDS.indexOf(kind) < KINDS.indexOf(before)) worst.set(line, kind);
  }
  gutter.replaceChildren(
    ...lines.map((_, i) => {
      const kind = worst.get(i + 1);
      const number = document.createElement("li");
      number.textContent = kind === undefined ? i + 1 : `${SIGNS[kind]} ${i + 1}`;
      if (kind !== undefined) number.className = kind;
      return number;
    }),
  );
  marks.replaceChildren(
    ...lines.map((line, i) => {
      const mark = document.createElement("div");
      mark.textContent = line;
      mark.className = worst.get(i + 1) ?? "";
      return mark;
    }),
  );
  followScroll();
}

function followScroll() {
  gutter.scrollTop = text.scrollTop;
  marks.scrollTop = text.scrollTop;
  marks.scrollLeft = text.scrollLeft;
}

/** Selects the line that the address names, as in #L12. */
function goToLine() {
  const line = Number(/^#L(\d+)$/.exec(location.hash)?.[1]);
  const lines = text.value.split("\n");
  if (!(line >= 1 && line <= lines.length) || text.value === "") return;
  const start = lines.slice(0, line - 1).reduce((sum, { length }) => sum + length + 1, 0);
  text.focus();
  text.setSelectionRange(start, start + lines[line - 1].length);
  const heightPx = Number.parseFloat(getComputedStyle(text).lineHeight);
  text.scrollTop = Math.max(0, (line - 5) * heightPx);
  followScroll();
}
