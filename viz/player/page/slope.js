// Slope: sliders change the inputs, and if there are few of both the parameters; the graph beside them shows the result
// over the input that was moved last, with the tangent, whose slope is the gradient.

const FEW = 8, MOST_SLIDERS = 60, POINTS = 120;

const sliders = {
  leaf: null,
  get leaves() {
    const inputs = leaves.filter((leaf) => G.roles[leaf] === "input"), parameters = leaves.filter((leaf) => G.roles[leaf] === "parameter");
    return inputs.length && leaves.length <= FEW ? [...inputs, ...parameters] : inputs.length ? inputs : parameters;
  },
  build(parent) {
    if (unknown >= 0) return make(parent, "p", {}, filled(W.fixed, { rule: plain(G.operations[unknown]) }));
    this.chart = make(parent, "svg", { class: "chart", id: "chart", viewBox: "0 0 360 250", role: "img" });
    const rows = make(parent, "div", { class: "sliders", id: "sliders" });
    this.inputs = new Map();
    for (const leaf of this.leaves.slice(0, MOST_SLIDERS)) {
      if (!Number.isFinite(given.values[leaf])) continue;
      const label = make(rows, "label"), { min, max, step } = this.range(leaf);
      make(label, "span", {}, plain(G.names[leaf]));
      const slider = make(label, "input", { type: "range", id: `s${leaf}`, min, max, step, value: numbers.values[leaf] });
      const output = make(label, "output", {}, shown(numbers.values[leaf]));
      this.inputs.set(leaf, [slider, output]);
      slider.addEventListener("input", () => this.move(leaf, Number(slider.value) + 0)); // -0 + 0 is 0
      slider.addEventListener("focus", () => { this.leaf = leaf; this.draw(); });
    }
    this.leaf ??= this.inputs.keys().next().value;
    button(parent, "reset", W.reset, W.reset, () => {
      moved.clear();
      for (const [leaf, [slider, output]] of this.inputs) { slider.value = given.values[leaf]; output.textContent = shown(given.values[leaf]); }
      this.renew();
    });
    this.draw();
  },
  range(leaf) {
    const start = given.values[leaf], span = Math.max(1, 2 * Math.abs(start));
    const step = 10 ** Math.floor(Math.log10(span / 50)), most = step * Math.round(span / step); // so that 7 can be moved to 5
    const [min, max] = [start - most, start + most].map((end) => Number(end.toPrecision(12)));
    return { min, max, step };
  },
  move(leaf, number) {
    moved.set(leaf, number);
    this.leaf = leaf;
    this.inputs.get(leaf)[1].textContent = shown(number);
    this.renew();
  },
  renew() { recompute(); show(); this.draw(); },
  choose(id) { if (this.inputs?.has(id)) { this.leaf = id; this.draw(); this.inputs.get(id)[0].focus(); } },
  curve(leaf) { // points of the result over the input, and what the tangent is
    const { min, max } = this.range(leaf), x = numbers.values[leaf];
    const points = [...Array(POINTS + 1).keys()].map((i) => min + ((max - min) * i) / POINTS)
      .map((at) => [at, evaluated(new Map([...moved, [leaf, at]]))[ROOT]]);
    return { min, max, x, y: numbers.values[ROOT], slope: gradients()[leaf], points };
  },
  draw() {
    const chart = this.chart, leaf = this.leaf;
    if (!chart?.isConnected || leaf === undefined || leaf === null) return;
    const { min, max, x, y, slope, points } = this.curve(leaf);
    const heights = [...points.map(([, height]) => height), y].filter(Number.isFinite);
    let low = Math.min(...heights), high = Math.max(...heights);
    const air = (high - low) * 0.1 || 1;
    low -= air; high += air;
    const left = 64, right = 350, top = 10, bottom = 206;
    const across = (at) => left + ((right - left) * (at - min)) / (max - min), up = (at) => bottom - ((bottom - top) * (at - low)) / (high - low);
    chart.replaceChildren();
    const text = (at, height, words, kind) => make(chart, "text", { x: at, y: height, class: kind }, words);
    make(chart, "rect", { x: left, y: top, width: right - left, height: bottom - top, class: "plot" });
    text(left, bottom + 18, shown(min), "start");
    text(right, bottom + 18, shown(max), "end");
    text((left + right) / 2, bottom + 36, plain(G.names[leaf]), "name");
    text(left - 6, top + 12, shown(high - air), "end");
    text(left - 6, bottom - 2, shown(low + air), "end");
    text(left - 6, (top + bottom) / 2 + 5, plain(G.names[ROOT]), "end name");
    const clip = make(make(chart, "defs"), "clipPath", { id: "plot" });
    make(clip, "rect", { x: left, y: top, width: right - left, height: bottom - top });
    const inside = make(chart, "g", { "clip-path": "url(#plot)" });
    let line = "";
    points.forEach(([at, height]) => { line += Number.isFinite(height) ? `${line.endsWith("|") || !line ? "M" : "L"}${across(at).toFixed(1)},${up(height).toFixed(1)}` : "|"; });
    make(inside, "path", { d: line.replaceAll("|", ""), class: "curve" });
    const said = filled(W.slopeIs, { root: plain(G.names[ROOT]), leaf: plain(G.names[leaf]), x: shown(x), slope: shown(slope) });
    if (Number.isFinite(y)) {
      if (Number.isFinite(slope)) {
        make(inside, "path", { d: `M${left},${up(y + slope * (min - x)).toFixed(1)}L${right},${up(y + slope * (max - x)).toFixed(1)}`, class: "tangent", id: "tangent" });
      }
      make(inside, "circle", { cx: across(x), cy: up(y), r: 6, class: "point" });
    }
    text((left + right) / 2, 246 + 0, "", "");
    chart.setAttribute("aria-label", said);
    (document.getElementById("slopeIs") ?? chart.insertAdjacentElement("afterend", make(aside, "p", { id: "slopeIs", role: "status" }))).textContent = said;
  },
};
