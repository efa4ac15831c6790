// The page of practice: a random graph, a field for every blank in it, and what is said of an answer once it is given.
// The parts before this one: `theme`, the functions for elements (elements.js), `judge` (answers.js) and RULES.
const { words: W, levels } = JSON.parse(document.getElementById("data").textContent);
const ROW = 21, TEXT = 14; // pixels of a picture at its own size

const bar = make(document.body, "header", { class: "bar" });
make(bar, "h1", {}, W.title);
const level = make(bar, "select", { id: "level", "aria-label": W.level });
for (const name of Object.keys(levels)) make(level, "option", { value: name }, W[name]);
const another = button(bar, "new", W.another, W.another, () => begin(draw()));
const score = make(bar, "output", { id: "score" });
button(bar, "theme", "◐", W.theme, theme.switch);
const stage = make(document.body, "main", { class: "stage" });
const panel = make(document.body, "section", { class: "panel", "aria-label": W.answers });
const said = make(panel, "div", { class: "said", role: "status" });
const buttons = make(panel, "div", { class: "buttons" });
const hint = button(buttons, "hint", W.hint, W.hint, () => { hinted.add(current); tell(); fields[current].focus(); });
const reveal = button(buttons, "reveal", W.reveal, W.reveal, show);

let problem, fields, given, verdicts, current; // the graph, and what is known of its blanks
let hinted, revealed, counted; // sets of blanks: with a hint, with the answer shown, and those in the score already
const total = { right: 0, asked: 0 }, drawn = [];

// ---- Which graph.

function draw() { // one that has not been shown lately
  const all = levels[level.value].map((_, i) => `${level.value}-${i + 1}`), fresh = all.filter((name) => !drawn.includes(name));
  if (!fresh.length) drawn.length = 0;
  const among = fresh.length ? fresh : all;
  return among[Math.floor(Math.random() * among.length)];
}
function begin(name) {
  const [which, number] = name.split("-");
  drawn.push(name);
  level.value = which;
  problem = levels[which][number - 1];
  if (self === top) history.replaceState(null, "", `#${name}`); // the frame in a notebook has no address
  given = problem.blanks.map(() => "");
  verdicts = current = undefined;
  [hinted, revealed, counted] = [new Set(), new Set(), new Set()];
  lay();
  current = 0;
  mark();
  if (self === top || document.hasFocus()) focus(0); // a page that opens in a notebook must not move it
}
function focus(i) {
  fields[i].focus({ preventScroll: true });
  fields[i].scrollIntoView({ block: "nearest", inline: "nearest" });
}

// ---- The picture.

function lay() { // in the way that leaves the text largest; a graph that does not fit is scrolled
  const fits = problem.views.map(({ size: [width, height] }) => Math.min(stage.clientWidth / width, stage.clientHeight / height));
  const view = problem.views[fits[0] >= fits[1] ? 0 : 1], least = innerWidth > 700 ? 18 / TEXT : 16 / TEXT;
  const scale = Math.min(2, Math.max(least, ...fits)), px = (x) => `${Math.round(x * scale)}px`;
  const graph = document.createElement("div");
  graph.className = "graph";
  Object.assign(graph.style, { width: px(view.size[0]), height: px(view.size[1]) });
  const svg = make(graph, "svg", { viewBox: `0 0 ${view.size.join(" ")}`, "aria-hidden": "true" });
  const tip = make(make(svg, "defs"), "marker", { id: "tip", markerWidth: 9, markerHeight: 8, refX: 8, refY: 4, orient: "auto" });
  make(tip, "path", { d: "M0,0 L9,4 L0,8 z" });
  fields = [];
  const field = (i, x, y, width, height = ROW - 1) => {
    const made = make(graph, "input", { type: "text", autocomplete: "off", spellcheck: "false", "aria-label": label(i) });
    Object.assign(made.style, { left: px(x), top: px(y), width: px(width), height: px(height), fontSize: px(TEXT) });
    on(made, "focus", () => { current = i; tell(); });
    on(made, "change", () => made.isConnected && answer(i));
    on(made, "keydown", (event) => {
      if (event.key === "Enter") { event.preventDefault(); enter(i); }
      if (event.key === "?") { event.preventDefault(); hint.click(); }
    });
    fields[i] = made;
  };
  for (const [curve] of view.arrows) make(svg, "path", { d: curve, "marker-end": "url(#tip)" });
  for (const [curve, x, y, i] of view.arrows) field(i, x, y, 46, 24);
  problem.nodes.forEach((node, i) => {
    const [left, top, width] = view.boxes[i], height = 3 * ROW + 6;
    make(svg, "rect", { class: node.role, x: left, y: top, width, height, rx: node.role === "input" ? 0 : 10 });
    make(svg, "text", { class: "title", x: left + width / 2, y: top + 3 + ROW / 2 + 5 }, node.title);
    for (const [row, kind] of [[1.5, "data"], [2.5, "grad"]]) {
      const y = top + 3 + row * ROW, number = node[kind];
      make(svg, "text", { x: left + 8, y: y + 5 }, typeof number === "string" ? `${kind} ${number}` : kind);
      if (typeof number === "number") field(number, left + (width + 40) / 2, y, width - 48);
    }
  });
  graph.append(...fields); // the Tab key goes through them in the order in which they are worked
  stage.replaceChildren(graph);
  if (verdicts) dress();
}
function label(i) {
  const name = problem.blanks[i].name, [, tail, head] = /^local (\w+)->(\w+)/.exec(name) ?? [];
  if (tail) return filled(W.localOf, { node: head, operand: tail });
  return name.startsWith("grad ") ? filled(W.gradOf, { node: name.slice(5) }) : filled(W.dataOf, { node: name });
}

// ---- Answers.

const number = (fraction) => { const [top, bottom = 1] = fraction.split("/").map(Number); return top / bottom; };

function mark() { // all blanks, in the order in which they are worked, each with the numbers answered before it
  const { blanks, tape } = problem, numbers = [], known = new Map();
  const at = (place) => {
    if (place < blanks.length) return numbers[place];
    const instruction = tape[place - blanks.length];
    if (typeof instruction === "number") return instruction;
    if (!known.has(place)) known.set(place, RULES[instruction[0]].value(...instruction.slice(1).map(at)));
    return known.get(place);
  };
  verdicts = [];
  blanks.forEach((blank, i) => {
    const wrong = verdicts.flatMap(({ state }, j) => state === "wrong" ? [j] : []), used = wrong.filter((j) => blank.used.includes(j));
    const suspects = blank.suspects.map(([mistake, here, last]) => [mistake, here.map(at), at(last)]);
    const verdict = judge(given[i], number(blank.right), suspects, at(blank.following), wrong.length > 0);
    verdicts.push({ ...verdict, before: used.length ? used : wrong });
    numbers.push(verdict.number);
  });
  dress();
}
function dress() {
  fields.forEach((field, i) => {
    const { state } = verdicts[i], done = state === "right";
    field.value = given[i];
    field.readOnly = done;
    field.className = done ? "right" : state === "wrong" || state === "unreadable" ? "wrong" : "";
    field.classList.toggle("shown", revealed.has(i));
    field.setAttribute("aria-invalid", field.className === "wrong");
  });
  score.textContent = total.asked ? filled(W.score, total) : W.unanswered;
  tell();
}
function answer(i) { // what stands in a field counts once it is left, or Enter is pressed
  if (fields[i].value === given[i] || fields[i].readOnly) return;
  given[i] = fields[i].value;
  current = i;
  mark();
  const { state } = verdicts[i];
  if ((state === "right" || state === "wrong") && !counted.has(i)) {
    counted.add(i);
    total.asked++;
    if (state === "right") total.right++;
    dress();
  }
}
function enter(i) {
  if (finished()) return begin(draw());
  answer(i);
  if (finished()) return another.focus();
  if (verdicts[i].state === "wrong" || verdicts[i].state === "unreadable") return fields[i].select();
  if (verdicts[i].state === "right") onward(i);
}
function onward(i) { // to the next blank that is not right yet
  const open = verdicts.flatMap(({ state }, j) => state === "right" ? [] : [j]);
  if (open.length) focus(open.find((j) => j > i) ?? open[0]);
}
function show() { // the answer; it counts as not known
  const i = current;
  if (verdicts[i].state === "right") return;
  if (!counted.has(i)) total.asked++;
  counted.add(i);
  revealed.add(i);
  given[i] = problem.blanks[i].right;
  mark();
  if (finished()) another.focus(); else onward(i);
}
const finished = () => verdicts.every(({ state }) => state === "right");

// ---- What is said.

function tell() {
  said.replaceChildren();
  if (current === undefined || !verdicts) return;
  const blank = problem.blanks[current], { state, causes, everywhere, before } = verdicts[current];
  make(said, "p", { class: "asked" }, label(current));
  hint.disabled = hinted.has(current);
  reveal.disabled = state === "right";
  fields.forEach((field, i) => field.classList.toggle("current", i === current && document.activeElement !== field));
  if (hinted.has(current)) make(said, "p", { class: "hint" }, blank.hint);
  if (finished()) return void make(said, "p", { class: "state right" }, W.finished);
  if (state === "not yet") return void make(said, "p", {}, W.explained);
  const look = state === "right" ? "right" : "wrong";
  make(said, "p", { class: `state ${look}` }, state === "right" ? revealed.has(current) ? W.shown : W.right : W.wrong);
  const list = make(said, "ul");
  for (const cause of causes) {
    const text = W.mistakes[cause] ?? filled(W[cause], { names: before.map(label).join(W.comma) });
    make(list, "li", {}, everywhere.includes(cause) ? filled(W.everywhere, { hint: text }) : text);
  }
}
function start() { // the graph that the address names, or any
  const [, which, number] = /^#(\w+)-(\d+)$/.exec(location.hash) ?? [];
  begin(levels[which]?.[number - 1] ? `${which}-${number}` : draw());
}
on(level, "change", () => begin(draw()));
on(window, "hashchange", start);
on(window, "resize", () => { const at = document.activeElement, typed = fields.map(({ value }) => value), i = fields.indexOf(at);
  lay(); fields.forEach((field, j) => { field.value = typed[j]; }); if (i >= 0) fields[i].focus(); });
start();
window.practice = { // for tests
  get problem() { return problem; },
  mark(answers) { given = problem.blanks.map(({ name }) => answers[name] ?? ""); mark(); return verdicts; },
};
