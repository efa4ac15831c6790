// Slope: sliders change the inputs, and if there are few of both the parameters; the graph beside them shows the result
// over the input that was moved last, with the tangent, whose slope is the gradient.

const FEW = 8, MOST_SLIDERS = 60, POINTS = 120;

const sliders = {
  leaf: null,
  get leaves() {
    return leaves.length <= FEW || !inputs.length ? leaves : inputs;
  },
  build(parent) {
    if (unknown >= 0) return make(parent, "p", {}, filled(W.fixed, { rule: plain(G.operations[unknown]) }));
    make(parent, "p", { id: "slopeIs", role: "status" });
    this.chart = make(parent, "svg", { id: "chart", viewBox: "0 0 360 250", role: "img" });
    const rows = div(parent, "sliders");
    this.inputs = new Map();
    for (const leaf of this.leaves.slice(0, MOST_SLIDERS)) {
      if (!isFinite(given.values[leaf])) continue;
      const label = make(rows, "label"), { min, max, step } = this.range(leaf);
      make(label, "span", {}, nameOf(leaf));
      const slider = make(label, "input", { type: "range", id: `s${leaf}`, min, max, step, value: numbers.values[leaf] });
      const output = make(label, "output", {}, shown(numbers.values[leaf]));
      this.inputs.set(leaf, [slider, output]);
      on(slider, "input", () => this.move(leaf, Number(slider.value) + 0)); // -0 + 0 is 0
      on(slider, "focus", () => { this.leaf = leaf; this.draw(); });
    }
    this.leaf ??= this.inputs.keys().next().value;
    button(parent, "reset", W.reset, W.reset, () => {
      moved.clear();
      recompute();
      open("slope");
    });
    this.draw();
  },
  range(leaf) {
    const start = given.values[leaf], span = Math.max(1, 2 * Math.abs(start));
    const step = 10 ** Math.floor(Math.log10(span / 50)), most = step * Math.round(span / step); // so that 7 can be moved to 5
    const [min, max] = [start - most, start + most].map(end => Number(end.toPrecision(12)));
    return { min, max, step };
  },
  move(leaf, number) {
    moved.set(leaf, number);
    this.leaf = leaf;
    this.inputs.get(leaf)[1].textContent = shown(number);
    this.renew();
  },
  renew() { recompute(); show(); this.draw(); inView([boxes.get(boxOf[ROOT])]); },
  link() { return `=${this.leaf}`; },
  choose(leaf) { if (this.leaves.includes(leaf)) this.leaf = leaf; },
  pick(leaf) { this.inputs?.get(leaf)?.[0].focus(); },
  curve(leaf) { // points of the result over the input, and what the tangent is
    const { min, max } = this.range(leaf), x = numbers.values[leaf];
    const points = [...Array(POINTS + 1).keys()].map(i => min + ((max - min) * i) / POINTS)
      .map(at => [at, evaluated(new Map([...moved, [leaf, at]]))[ROOT]]);
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
    const across = at => left + ((right - left) * (at - min)) / (max - min), up = at => bottom - ((bottom - top) * (at - low)) / (high - low);
    chart.replaceChildren();
    const text = (x, y, words, kind) => make(chart, "text", { x, y, class: kind }, words);
    const frame = { x: left, y: top, width: right - left, height: bottom - top };
    make(chart, "rect", { ...frame, class: "plot" });
    text(left, bottom + 18, shown(min), "start");
    text(right, bottom + 18, shown(max), "end");
    text((left + right) / 2, bottom + 36, nameOf(leaf), "name");
    text(left - 6, top + 12, shown(high - air), "end");
    text(left - 6, bottom - 2, shown(low + air), "end");
    text(left - 6, (top + bottom) / 2 + 5, nameOf(ROOT), "end name");
    make(make(make(chart, "defs"), "clipPath", { id: "plot" }), "rect", frame);
    const inside = make(chart, "g", { "clip-path": "url(#plot)" });
    let pen = "M", line = "";
    for (const [at, height] of points) {
      if (isFinite(height)) line += `${pen}${across(at).toFixed(1)},${up(height).toFixed(1)}`;
      pen = isFinite(height) ? "L" : "M";
    }
    make(inside, "path", { d: line, class: "curve" });
    const said = filled(W.slopeIs, { root: nameOf(ROOT), leaf: nameOf(leaf), x: shown(x), slope: shown(slope) });
    const tangent = at => `${across(at)},${up(y + slope * (at - x))}`;
    if (isFinite(y * slope)) make(inside, "path", { d: `M${tangent(min)}L${tangent(max)}`, class: "tangent", id: "tangent" });
    if (isFinite(y)) make(inside, "circle", { cx: across(x), cy: up(y), r: 6, class: "point" });
    set(chart, { "aria-label": said });
    byId("slopeIs").textContent = said;
  },
};
