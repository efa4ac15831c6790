// The words and formulas below the picture. They speak of what is visible: a folded module has one name, and if
// several of its numbers are used, those are numbered like the items of a list.

function seenName(node) {
  const box = boxOf[node];
  if (box >= 0) return nameOf(node);
  const { name, outputs } = moduleOf(box);
  return plain(outputs.length === 1 || !outputs.includes(node) ? name : `${name}[${outputs.indexOf(node)}]`);
}
const boxName = box => plain(box >= 0 ? G.names[box] : moduleOf(box).name);

function mathName(parent, name) {
  const found = /^(\p{L})[_[]?(\d+)\]?$/u.exec(name);
  if (!found) return make(parent, "mi", name.length > 1 ? { mathvariant: "normal" } : {}, name);
  const sub = make(parent, "msub");
  make(sub, "mi", {}, found[1]);
  make(sub, "mn", {}, found[2]);
  return sub;
}
function mathNumber(parent, x, first = true, beforePower = false) { // before a power, a number with an exponent needs brackets
  const text = shown(x).replace("inf", "∞");
  const [digits, exponent] = text.split("e");
  const row = (text.startsWith("-") && !first) || (exponent && beforePower) ? make(parent, "mrow") : parent;
  if (row !== parent) make(row, "mo", {}, "(");
  make(row, "mn", {}, digits.replace("-", "−"));
  if (exponent) {
    make(row, "mo", {}, "×");
    const power = make(row, "msup");
    make(power, "mn", {}, "10");
    make(power, "mn", {}, String(Number(exponent)).replace("-", "−"));
  }
  if (row !== parent) make(row, "mo", {}, ")");
}
function partialDerivative(parent, of, by) {
  const fraction = make(parent, "mfrac");
  for (const name of [of, by]) {
    const row = make(fraction, "mrow");
    make(row, "mo", {}, "∂");
    mathName(row, name);
  }
}
const math = parent => make(make(parent, "math", { displaystyle: "true" }), "mrow");
function writeMath(row, ...parts) { // signs, numbers, derivatives as [of, by], and undefined for what is not told
  parts.forEach((part, i) => {
    if (typeof part === "string") make(row, "mo", {}, part);
    else if (Array.isArray(part)) partialDerivative(row, ...part);
    else if (part === undefined) make(row, "mtext", { class: "asked" }, "?");
    else mathNumber(row, part, !/^[·+]$/.test(parts[i - 1]));
  });
}
const product = factors => factors.flatMap((x, i) => (i ? ["·", x] : [x]));

// A rule's formula, with the operands' names or numbers in place of its placeholders.
function ruleFormula(parent, node, part, fill) {
  const text = G.rules[node] < 0 ? "" : G.formulas[G.rules[node]][part];
  if (!text) return false;
  const parsed = new DOMParser().parseFromString(`<math xmlns="${MATH}">${text}</math>`, "application/xml").documentElement;
  const placeholders = [...parsed.getElementsByTagNameNS(MATH, "mi"), ...parsed.getElementsByTagNameNS(MATH, "msub")];
  for (const placeholder of placeholders) {
    const found = /^□(-?\d+)$/.exec(placeholder.textContent);
    if (!found) continue;
    const row = document.createElementNS(MATH, "mrow");
    fill(row, found[1] === "-1" ? node : G.parents[node][Number(found[1])]);
    placeholder.replaceWith(row);
  }
  for (const child of [...parsed.childNodes]) parent.appendChild(document.importNode(child, true));
  return true;
}
const byName = (row, node) => (isConstant(node) ? byNumber(row, node) : mathName(row, seenName(node)));
const byNumber = (row, node) => mathNumber(row, numbers.values[node], false, true);

function cell(term, write) {
  const div = make(cells, "div");
  make(div, "dt", {}, term);
  write(make(div, "dd"));
}
function say(words) { formula.textContent = spoken.textContent = words; }
function clear() {
  formula.replaceChildren();
  cells.replaceChildren();
  source.textContent = "";
}

function describe(stop, state, before) { // the state after the stop, and the state before it
  clear();
  const { kind, box, nodes, sent } = stop;
  const line = box >= 0 && kind !== "seed" ? G.lines[box] : "";
  source.textContent = line ? plain(line) : "";
  if (kind === "start") return say(W.start);
  if (kind === "seed") {
    writeMath(math(formula), [ROOT_NAME, ROOT_NAME], "=", 1);
    spoken.textContent = filled(W.seed, { root: ROOT_NAME });
    make(formula, "span", { class: "said" }, spoken.textContent);
  } else if (kind === "forward" && box < 0) {
    const { name, outputs } = moduleOf(box);
    const computed = { node: plain(name), value: shown(numbers.values[outputs[0]]), count: outputs.length };
    say(filled(outputs.length === 1 ? W.computes : W.computesMany, computed));
  } else if (kind === "forward") describeOperation(nodes[0]);
  else if (box < 0 || sent.length > 1) describeModule(box, sent);
  else describeMessage(sent[0], state, before);
}
function describeOperation(node) {
  const row = math(formula);
  mathName(row, seenName(node));
  writeMath(row, "=");
  if (ruleFormula(row, node, 0, byName)) {
    writeMath(row, "=");
    ruleFormula(row, node, 0, byNumber);
  } else make(row, "mtext", {}, `${plain(G.operations[node])}( ${filled(W.operands, { count: G.parents[node].length })} )`);
  writeMath(row, "=", numbers.values[node]);
  spoken.textContent = filled(W.computes, { node: seenName(node), value: shown(numbers.values[node]) });
}
function describeModule(box, sent) {
  const outside = sent.filter(({ parent }) => boxOf[parent] !== box);
  const receivers = [...new Set(outside.map(({ parent }) => boxName(boxOf[parent])))].reverse();
  const parent = receivers.length > 4 ? `${receivers[0]} … ${receivers.at(-1)}` : receivers.join(", ");
  const words = outside.length ? [filled(W.many, { node: boxName(box), parent, count: outside.length })] : [];
  const inner = new Set(sent.filter(({ parent }) => boxOf[parent] === box && G.roles[parent] === "parameter").map(({ parent }) => parent));
  if (inner.size) words.push(filled(W.inside, { node: boxName(box), count: inner.size }));
  say(words.join(" ") || filled(W.through, { node: boxName(box) }));
}
function describeMessage({ node, operand, parent }, state, before) {
  const upstream = before.gradient[node], local = numbers.locals[node][operand], sent = times(upstream, local), old = before.gradient[parent];
  const from = seenName(node), to = seenName(parent), told = x => (asking ? undefined : x);
  writeMath(math(formula), [ROOT_NAME, to], G.assigned ? "=" : "+=", [ROOT_NAME, from], "·", [from, to], "=", upstream, "·", told(local), "=", told(sent));
  const received = before.received[parent] + (asking ? 0 : 1), total = expected[parent];
  if (!asking) {
    cell(W.rule, dd => {
      const rule = math(dd);
      writeMath(rule, [from, to], "=");
      const start = rule.textContent;
      if (!ruleFormula(rule, node, operand + 1, byName)) return writeMath(rule, local);
      const written = rule.textContent.slice(start.length).replace("−", "-");
      if (written !== shown(local)) writeMath(rule, "=", local); // unless the derivative is a constant
    });
  }
  cell(W.upstream, dd => writeMath(math(dd), upstream));
  cell(W.product, dd => writeMath(math(dd), told(sent)));
  if (G.assigned) cell(W.assigned, dd => writeMath(math(dd), old, "→", told(sent)));
  else cell(W.sum, dd => writeMath(math(dd), old, "+", told(sent), "=", told(old + sent)));
  cell(filled(W.gradientOf, { node: to }), dd => {
    const dots = total <= 10 && received <= total ? "●".repeat(received) + "○".repeat(total - received) : "";
    dd.textContent = [filled(received > total ? W.receivedMore : W.received, { received, expected: total }), dots, received === total ? W.complete : ""].filter(Boolean).join(" ");
  });
  const said = { node: from, parent: to, upstream: shown(upstream), local: shown(local) };
  spoken.textContent = asking ? filled(W.asks, said)
    : filled(G.assigned ? W.replaces : received > total ? W.passesMore : W.passes, { ...said, product: shown(sent), total: shown(old + sent), received, expected: total });
  if (!asking && G.firing) describeMistake(node, state, before);
}
