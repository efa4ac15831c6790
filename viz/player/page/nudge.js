// Nudging: a small change of an input travels forward along the arrows; beside each change what the derivatives predict.

const nudge = {
  at: 0, leaf: leaves[0], by: 0.1,
  enter() {
    const { leaf, by } = this, before = numbers.values;
    this.after = evaluated(new Map([...moved, [leaf, before[leaf] + by]]));
    this.tangent = tangents(leaf);
    this.reached = new Uint8Array(N);
    this.reached[leaf] = 1;
    for (const node of G.names.keys()) if (G.parents[node].some(parent => this.reached[parent])) this.reached[node] = 1;
    this.path = view.boxes.map(([id]) => id).filter(id => this.nodesOf(id).length);
    this.last = this.path.length;
    this.at = Math.min(this.at, this.last);
  },
  nodesOf(id) { return (id >= 0 ? [id] : moduleOf(id).outputs).filter(node => this.reached[node]); },
  change(node) { return this.after[node] - numbers.values[node]; },
  predicted(node) { return times(this.tangent[node], this.by); },
  frame(k) {
    const when = new Map(this.path.map((id, i) => [id, i + 1])), now = this.path[k - 1];
    return {
      box: id => {
        const nodes = this.nodesOf(id), reached = when.get(id) <= k;
        const classes = [...(id === now ? ["receiver"] : []), ...(reached ? ["nudged"] : [])];
        if (!reached) return { classes, data: dataRow(id), gradient: "" };
        const norm = of => Math.hypot(...nodes.map(of));
        return nodes.length === 1
          ? { classes, data: `Δ ${shown(this.change(nodes[0]))}`, gradient: `≈ ${shown(this.predicted(nodes[0]))}` }
          : { classes, gradient: `‖Δ‖ ${shown(norm(node => this.change(node)))}` };
      },
      arrow: ({ tail, head }) => ({ active: head === now && when.get(tail) < k }),
    };
  },
  describe(k) {
    clear();
    const id = this.path[k - 1];
    if (k === 0) say(filled(W.nudgeStart, { node: nameOf(this.leaf), by: shown(this.by) }));
    else {
      const nodes = this.nodesOf(id), [first] = nodes, words = nodes.length > 1 ? W.changeMany : first === this.leaf ? W.changeFirst : W.change;
      say(filled(words, { node: boxName(id), count: nodes.length, change: shown(this.change(first)), predicted: shown(this.predicted(first)) }));
    }
    this.results(k === this.last);
    return [boxes.get(id ?? this.path[0])];
  },
  results(arrived) {
    const table = byId("outcome"), { predicted, actual, slope, difference } = this.outcome();
    table.replaceChildren();
    writeMath(math(addRow(table, W.predicted)), [ROOT_NAME, nameOf(this.leaf)], "·", this.by, "=", slope, "·", this.by, "=", predicted);
    for (const [term, x] of [[W.actual, actual], [W.difference, difference]]) writeMath(math(addRow(table, term)), arrived ? x : "…");
  },
  outcome() {
    const slope = gradients()[this.leaf], predicted = slope * this.by, actual = this.change(ROOT), off = actual - predicted;
    const size = Math.hypot(this.after[ROOT], numbers.values[ROOT], predicted);
    return { slope, predicted, actual, difference: Math.abs(off) <= 1e-12 * size ? 0 : off }; // what rounding leaves is none
  },
  counter(k) { return filled(W.counter, { k, n: this.last }); },
  link() { return `=${this.leaf},${this.by}`; },
  choose(leaf, by) { if (leaves.includes(leaf)) this.leaf = leaf; if (isFinite(by)) this.by = by; },
  pick(leaf) { this.leaf = leaf; this.at = 0; open("nudge"); },
  build(parent) {
    if (unknown >= 0) return make(parent, "p", {}, filled(W.fixed, { rule: plain(G.operations[unknown]) }));
    choice(parent, "nudged", W.input, leaves.map(leaf => [leaf, nameOf(leaf)]), leaf => this.pick(leaf)).value = this.leaf;
    const size = make(make(parent, "label", {}, `${W.by} `), "input", { id: "by", type: "text", size: 7, value: String(this.by), autocomplete: "off" });
    on(size, "change", () => {
      const by = readSize(size.value);
      size.setAttribute("aria-invalid", !isFinite(by));
      if (isFinite(by)) { this.by = by; this.enter(); show(); }
    });
    make(parent, "p", {}, W.nudgeKey);
    make(parent, "table", { id: "outcome" });
  },
};
