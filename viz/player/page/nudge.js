// Nudging: a small change of an input travels forward along the arrows; beside each change what the derivatives predict.

const nudge = {
  at: 0, leaf: leaves[0], by: 0.1,
  enter() {
    const { leaf, by } = this, before = numbers.values;
    this.after = evaluated(new Map([...moved, [leaf, before[leaf] + by]]));
    this.tangent = tangents(leaf);
    this.reached = new Uint8Array(N);
    this.reached[leaf] = 1;
    for (let node = 0; node < N; node++) if (G.parents[node].some((parent) => this.reached[parent])) this.reached[node] = 1;
    this.path = view.boxes.map(([id]) => id).filter((id) => this.nodesOf(id).length);
    this.last = this.path.length;
    this.at = Math.min(this.at, this.last);
  },
  nodesOf(id) { return (id >= 0 ? [id] : nodesIn(id).filter((node) => node === this.leaf || G.modules[-1 - id].outputs.includes(node))).filter((node) => this.reached[node]); },
  change(node) { return this.after[node] - numbers.values[node]; },
  predicted(node) { return times(this.tangent[node], this.by); },
  frame(k) {
    const when = new Map(this.path.map((id, i) => [id, i + 1])), now = this.path[k - 1];
    return {
      box: (id) => {
        const nodes = this.nodesOf(id), reached = when.get(id) <= k;
        const classes = [...(id === now ? ["receiver"] : []), ...(reached ? ["nudged"] : [])];
        if (!reached) return { classes, data: `${id >= 0 && isConstant(id) ? "" : "data "}${shown(numbers.values[id >= 0 ? id : G.modules[-1 - id].outputs[0]])}`, gradient: "" };
        const norm = (of) => Math.hypot(...nodes.map(of));
        return nodes.length === 1
          ? { classes, data: `Δ ${shown(this.change(nodes[0]))}`, gradient: `≈ ${shown(this.predicted(nodes[0]))}` }
          : { classes, gradient: `‖Δ‖ ${shown(norm((node) => this.change(node)))}` };
      },
      arrow: ({ tail, head }) => ({ active: head === now && when.get(tail) < k }),
    };
  },
  describe(k) {
    clear();
    const id = this.path[k - 1], name = seenName(this.leaf);
    if (k === 0) say(filled(W.nudgeStart, { node: name, by: shown(this.by) }));
    else {
      const nodes = this.nodesOf(id), named = { node: nodes.length > 1 ? boxName(id) : seenName(nodes[0]) };
      say(nodes.length > 1 ? filled(W.changeMany, { ...named, count: nodes.length })
        : filled(k === 1 ? W.changeFirst : W.change, { ...named, change: shown(this.change(nodes[0])), predicted: shown(this.predicted(nodes[0])) }));
    }
    this.results(k === this.last);
    return [boxes.get(id ?? this.path[0])];
  },
  results(arrived) {
    const table = document.getElementById("outcome"), root = seenName(ROOT), leaf = seenName(this.leaf);
    table.replaceChildren();
    const row = (id, term, write) => {
      const tr = make(table, "tr", { id });
      make(tr, "th", { scope: "row" }, term);
      write(math(make(tr, "td")));
    };
    const { predicted, actual, slope } = this.outcome();
    row("predicted", W.predicted, (cell) => {
      partialDerivative(cell, root, leaf);
      sign(cell, "·");
      mathNumber(cell, this.by, false);
      sign(cell, "=");
      mathProduct(cell, [slope, this.by]);
      sign(cell, "=");
      mathNumber(cell, predicted);
    });
    row("actual", W.actual, (cell) => (arrived ? mathNumber(cell, actual) : make(cell, "mtext", {}, "…")));
    row("difference", W.difference, (cell) => (arrived ? mathNumber(cell, actual - predicted) : make(cell, "mtext", {}, "…")));
  },
  outcome() {
    const slope = gradients()[this.leaf];
    return { slope, predicted: slope * this.by, actual: this.change(ROOT) };
  },
  counter(k) { return filled(W.counter, { k, n: this.last }); },
  choose(id) { if (leaves.includes(id)) this.pick(id); },
  pick(leaf) { this.leaf = leaf; this.at = 0; open("nudge"); },
  build(parent) {
    if (unknown >= 0) return make(parent, "p", {}, filled(W.fixed, { rule: plain(G.operations[unknown]) }));
    choice(parent, "nudged", W.input, leaves.map((leaf) => [leaf, plain(G.names[leaf])]), (leaf) => this.pick(leaf)).value = this.leaf;
    const size = make(make(parent, "label", {}, `${W.by} `), "input", { id: "by", type: "text", size: 7, value: String(this.by), autocomplete: "off" });
    size.addEventListener("change", () => {
      const by = readSize(size.value);
      size.setAttribute("aria-invalid", !Number.isFinite(by));
      if (Number.isFinite(by)) { this.by = by; this.enter(); show(); }
    });
    make(parent, "p", { class: "key" }, W.nudgeKey);
    make(parent, "table", { id: "outcome" });
  },
};
