// The words and formulas below the picture. They speak of what is visible: a folded module has one name, and if
// several of its numbers are used, those are numbered like the items of a list.

function seenName(node) {
  const box = boxOf[node];
  if (box >= 0) return plain(G.names[node]);
  const { name, outputs } = G.modules[-1 - box];
  return plain(outputs.length === 1 || !outputs.includes(node) ? name : `${name}[${outputs.indexOf(node)}]`);
}
const boxName = (box) => plain(box >= 0 ? G.names[box] : G.modules[-1 - box].name);

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
const sign = (parent, text) => make(parent, "mo", {}, text);
const math = (parent) => make(make(parent, "math", { displaystyle: "true" }), "mrow");
function mathProduct(row, factors) { // 2 · (−3) = −6
  factors.forEach((x, i) => { if (i) sign(row, "·"); mathNumber(row, x, i === 0); });
}

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
    const row = math(formula);
    partialDerivative(row, seenName(ROOT), seenName(ROOT));
    sign(row, "=");
    mathNumber(row, 1);
    spoken.textContent = filled(W.seed, { root: seenName(ROOT) });
    make(formula, "span", { class: "said" }, spoken.textContent);
  } else if (kind === "forward" && box < 0) {
    const { name, outputs } = G.modules[-1 - box];
    const computed = { node: plain(name), value: shown(numbers.values[outputs[0]]), count: outputs.length };
    say(filled(outputs.length === 1 ? W.computes : W.computesMany, computed));
  } else if (kind === "forward") describeOperation(nodes[0]);
  else if (box < 0 || sent.length > 1) describeModule(box, sent);
  else describeMessage(sent[0], state, before);
}
function describeOperation(node) {
  const row = math(formula);
  mathName(row, seenName(node));
  sign(row, "=");
  if (ruleFormula(row, node, 0, byName)) {
    sign(row, "=");
    ruleFormula(row, node, 0, byNumber);
  } else make(row, "mtext", {}, `${plain(G.operations[node])}( ${filled(W.operands, { count: G.parents[node].length })} )`);
  sign(row, "=");
  mathNumber(row, numbers.values[node]);
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
  const upstream = before.gradient[node], local = numbers.locals[node][operand], product = times(upstream, local);
  const root = seenName(ROOT), from = seenName(node), to = seenName(parent);
  const answer = (row, x, first) => (asking ? make(row, "mtext", { class: "asked" }, "?") : mathNumber(row, x, first));
  const row = math(formula);
  partialDerivative(row, root, to);
  sign(row, G.assigned ? "=" : "+=");
  partialDerivative(row, root, from);
  sign(row, "·");
  partialDerivative(row, from, to);
  sign(row, "=");
  mathNumber(row, upstream);
  sign(row, "·");
  answer(row, local, false);
  sign(row, "=");
  answer(row, product);
  const received = before.received[parent] + (asking ? 0 : 1), total = expected[parent];
  if (!asking) {
    cell(W.rule, (dd) => {
      const rule = math(dd);
      partialDerivative(rule, from, to);
      sign(rule, "=");
      const start = rule.textContent;
      if (!ruleFormula(rule, node, operand + 1, byName)) return mathNumber(rule, local);
      const written = rule.textContent.slice(start.length).replace("−", "-");
      if (written === shown(local)) return; // the derivative is a constant
      sign(rule, "=");
      mathNumber(rule, local);
    });
  }
  cell(W.upstream, (dd) => mathNumber(math(dd), upstream));
  cell(W.product, (dd) => answer(math(dd), product));
  cell(G.assigned ? W.assigned : W.sum, (dd) => {
    const sum = math(dd);
    mathNumber(sum, before.gradient[parent]);
    sign(sum, G.assigned ? "→" : "+");
    answer(sum, product, Boolean(G.assigned));
    if (G.assigned) return;
    sign(sum, "=");
    answer(sum, before.gradient[parent] + product);
  });
  cell(filled(W.gradientOf, { node: to }), (dd) => {
    const dots = total <= 10 && received <= total ? "●".repeat(received) + "○".repeat(total - received) : "";
    dd.textContent = [filled(W.received, { received, expected: total }), dots, received === total ? W.complete : ""].filter(Boolean).join(" ");
  });
  const said = { node: from, parent: to, upstream: shown(upstream), local: shown(local) };
  spoken.textContent = asking ? filled(W.asks, said)
    : filled(W.passes, { ...said, product: shown(product), total: shown(G.assigned ? product : before.gradient[parent] + product), received, expected: total });
  if (!asking && G.firing) describeMistake(node, state, before);
}
