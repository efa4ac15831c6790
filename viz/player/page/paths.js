// Paths: each path from an input to the result lights up in turn with its product, and a ledger adds the products up.

const MOST_PATHS = 60;

const paths = {
  at: 0, leaf: leaves[0],
  enter() {
    const leads = new Float64Array(N); // how many paths there are from the input to a node
    leads[this.leaf] = 1;
    for (const node of G.names.keys()) for (const parent of G.parents[node]) leads[node] += leads[parent];
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
    const factors = edges.map(localAt); // from the input to the result
    return { edges, factors, product: factors.reduceRight((product, local) => times(product, local), 1) };
  },
  sum() { return this.all.reduceRight((sum, { product }) => sum + product, 0); },
  frame(k) {
    const path = this.all[k - 1], lit = new Map(), through = new Set();
    for (const edge of path?.edges ?? []) {
      lit.set(arrowId(boxOf, edge), localAt(edge));
      through.add(boxOf[edge.node]).add(boxOf[edge.parent]);
    }
    const gradient = k === this.last ? shown(gradients()[this.leaf]) : "—";
    return {
      box: id => ({
        classes: through.has(id) ? [id === boxOf[this.leaf] ? "sender" : "receiver"] : path ? ["waiting"] : [],
        data: dataRow(id),
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
    const path = this.all[k - 1], root = ROOT_NAME, leaf = nameOf(this.leaf), named = { leaf, root, count: this.count.toLocaleString(G.lang) };
    if (k === 0) say(filled(this.count > MOST_PATHS ? W.pathsMany : this.count === 1 ? W.pathsOne : W.pathsStart, named));
    else if (path) {
      const { edges, factors } = path, some = edges.length <= 8 ? edges : [];
      const derivatives = product(some.map(({ node, parent }) => [seenName(node), seenName(parent)]));
      writeMath(math(formula), ...derivatives, "=", ...(factors.length > 1 && some.length ? [...product(factors), "="] : []), path.product);
      spoken.textContent = filled(W.path, { k, count: named.count, route: this.route(path), product: shown(path.product) });
    } else say(filled(W.pathsSum, { ...named, sum: shown(this.sum()) }));
    this.ledger(k);
    const touched = path ? path.edges.flatMap(({ node, parent }) => [node, parent]) : [k ? ROOT : this.leaf];
    return [...new Set(touched.map(node => boxes.get(boxOf[node])))];
  },
  ledger(k) {
    const table = byId("ledger");
    table.replaceChildren();
    this.all.slice(0, k).forEach((path, i) => {
      addRow(table, this.route(path), i === k - 1 ? "now" : "").textContent = shown(path.product);
    });
    if (k !== this.last || !this.last) return;
    addRow(table, filled(W.sumOf, { leaf: nameOf(this.leaf), root: ROOT_NAME }), "sum").textContent = shown(this.sum());
  },
  counter(k) { return filled(W.counter, { k, n: this.last }); },
  link() { return `=${this.leaf}`; },
  choose(leaf) { if (leaves.includes(leaf)) this.leaf = leaf; },
  pick(leaf) { this.leaf = leaf; this.at = 0; open("paths"); },
  build(parent) {
    choice(parent, "from", W.input, leaves.map(leaf => [leaf, nameOf(leaf)]), leaf => this.pick(leaf)).value = this.leaf;
    make(parent, "table", { id: "ledger" });
  },
};
