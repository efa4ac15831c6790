// Paths: each path from an input to the result lights up in turn with its product, and a ledger adds the products up.

const MOST_PATHS = 60;

const paths = {
  at: 0, leaf: leaves[0],
  enter() {
    const leads = new Float64Array(N); // how many paths there are from the input to a node
    leads[this.leaf] = 1;
    for (let node = 0; node < N; node++) for (const parent of G.parents[node]) leads[node] += leads[parent];
    this.count = leads[ROOT];
    this.all = [];
    const stack = this.count <= MOST_PATHS ? [[ROOT, null]] : [];
    while (stack.length) { // from the result backwards, the first operand first
      const [node, taken] = stack.pop();
      if (node === this.leaf) { this.all.push(this.unlinked(taken)); continue; }
      for (let i = G.parents[node].length - 1; i >= 0; i--) {
        const parent = G.parents[node][i];
        if (leads[parent]) stack.push([parent, { edge: { node, operand: i, parent }, taken }]);
      }
    }
    this.last = this.all.length ? this.all.length + 1 : 0;
    this.at = Math.min(this.at, this.last);
  },
  unlinked(taken) {
    const edges = [];
    for (; taken; taken = taken.taken) edges.push(taken.edge);
    const factors = edges.map(({ node, operand }) => numbers.locals[node][operand]); // from the input to the result
    return { edges, factors, product: factors.reduceRight((product, local) => times(product, local), 1) };
  },
  sum() { return this.all.reduceRight((sum, { product }) => sum + product, 0); },
  frame(k) {
    const path = this.all[k - 1], lit = new Map(), on = new Set();
    for (const edge of path?.edges ?? []) {
      lit.set(arrowId(boxOf, edge), numbers.locals[edge.node][edge.operand]);
      on.add(boxOf[edge.node]).add(boxOf[edge.parent]);
    }
    const gradient = k === this.last ? shown(gradients()[this.leaf]) : "—";
    return {
      box: (id) => ({
        classes: on.has(id) ? [id === boxOf[this.leaf] ? "sender" : "receiver"] : path ? ["waiting"] : [],
        data: id >= 0 ? `${isConstant(id) ? "" : "data "}${shown(numbers.values[id])}` : `out ${shown(numbers.values[G.modules[-1 - id].outputs[0]])}`,
        gradient: id === this.leaf ? `grad ${gradient}` : "",
      }),
      arrow: ({ g, operand, count }) => (lit.has(g.id) ? { active: true, text: operand < 0 ? count : `× ${shown(lit.get(g.id))}` } : {}),
    };
  },
  route({ edges }) { // the names of the boxes that a path goes through
    const names = [seenName(edges[0].parent), ...edges.map(({ node }) => seenName(node))];
    return names.filter((name, i) => name !== names[i - 1]).join(" → ");
  },
  describe(k) {
    clear();
    const path = this.all[k - 1], root = seenName(ROOT), leaf = seenName(this.leaf), named = { leaf, root, count: this.count.toLocaleString(G.lang) };
    if (k === 0) say(filled(this.count > MOST_PATHS ? W.pathsMany : this.count === 1 ? W.pathsOne : W.pathsStart, named));
    else if (path) {
      const row = math(formula);
      path.edges.forEach(({ node, parent }, i) => {
        if (i) sign(row, "·");
        if (i < 8) partialDerivative(row, seenName(node), seenName(parent));
        else if (i === 8) make(row, "mtext", {}, "…");
      });
      sign(row, "=");
      if (path.factors.length > 1 && path.factors.length <= 12) { mathProduct(row, path.factors); sign(row, "="); }
      mathNumber(row, path.product);
      spoken.textContent = filled(W.path, { k, count: named.count, route: this.route(path), product: shown(path.product) });
    } else say(filled(W.pathsSum, { ...named, sum: shown(this.sum()) }));
    this.ledger(k);
    const on = path ? path.edges.flatMap(({ node, parent }) => [node, parent]) : [this.leaf];
    return [...new Set(on.map((node) => boxes.get(boxOf[node])))];
  },
  ledger(k) {
    const table = document.getElementById("ledger");
    table.replaceChildren();
    this.all.slice(0, k).forEach((path, i) => {
      const row = make(table, "tr", { class: i === k - 1 ? "now" : "" });
      make(row, "th", { scope: "row" }, this.route(path));
      make(row, "td", {}, shown(path.product));
    });
    if (k !== this.last || !this.last) return;
    const row = make(table, "tr", { class: "sum" });
    make(row, "th", { scope: "row" }, filled(W.sumOf, { leaf: seenName(this.leaf), root: seenName(ROOT) }));
    make(row, "td", {}, shown(this.sum()));
  },
  counter(k) { return filled(W.counter, { k, n: this.last }); },
  choose(id) { if (leaves.includes(id)) this.pick(id); },
  pick(leaf) { this.leaf = leaf; this.at = 0; open("paths"); },
  build(parent) {
    choice(parent, "from", W.input, leaves.map((leaf) => [leaf, plain(G.names[leaf])]), (leaf) => this.pick(leaf)).value = this.leaf;
    make(parent, "table", { id: "ledger" });
  },
};
