// A backward pass in a wrong order: who fired too early, or twice, and the true gradient beside what this order gives.

let truth = null, truthOf = null;
function trueGradients() {
  if (truthOf !== numbers) [truth, truthOf] = [gradients(), numbers];
  return truth;
}
function verdictOn(state, node) { // the words on a node that has fired wrongly, or ""
  if (state.early.has(node)) return `✗ ${filled(W.early, { received: state.early.get(node), expected: expected[node] })}`;
  return state.fired[node] > 1 ? `✗ ${filled(W.again, { count: state.fired[node] })}` : "";
}
const misled = (state, node) => passes.at === passes.last && !same(state.gradient[node], trueGradients()[node]);
const trueRow = (state, node) => `${W.true} ${state.started && !predicting ? shown(trueGradients()[node]) : "—"}`;
function describeMistake(node, state, before) {
  if (before.fired[node] === state.fired[node]) return; // it has only gone on
  const words = [];
  if (before.received[node] < expected[node]) words.push(filled(W.firesEarly, { node: seenName(node), received: before.received[node], expected: expected[node] }));
  if (before.fired[node]) words.push(filled(W.firesAgain, { node: seenName(node) }));
  if (!words.length) return;
  make(formula, "span", { class: "said wrong" }, `✗ ${words.join(" ")}`);
  spoken.textContent += ` ${words.join(" ")}`;
}
const order = {
  build(parent) {
    make(parent, "h2", {}, filled(W.inOrder, { order: G.assigned ? W.assigning : G.orderName }));
    make(parent, "table", { id: "totals" });
  },
  draw(state) {
    const table = byId("totals");
    if (!table) return;
    table.replaceChildren();
    const head = make(table, "tr");
    for (const words of ["", W.thisOrder, W.true]) make(head, words ? "th" : "td", words ? { scope: "col" } : {}, words);
    for (const leaf of leaves) {
      const row = make(table, "tr"), wrong = misled(state, leaf);
      make(row, "th", { scope: "row" }, nameOf(leaf));
      make(row, "td", { class: wrong ? "wrong" : "" }, `${state.has[leaf] ? shown(state.gradient[leaf]) : passes.at === passes.last ? "0" : "—"}${wrong ? " ✗" : ""}`);
      make(row, "td", {}, shown(trueGradients()[leaf]));
    }
    const missing = G.names.map((_, node) => node).filter(node => G.parents[node].some(parent => !isConstant(parent)) && !state.fired[node]);
    if (passes.at === passes.last) for (const node of missing) make(make(table, "tr"), "td", { colspan: 3, class: "wrong" }, `✗ ${filled(W.neverFired, { node: nameOf(node) })}`);
  },
};
