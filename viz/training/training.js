// The training page. It shows step k of one recorded training run, or of several side by side: the state before step k + 1.
// The functions for elements and numbers are those of the player (elements.js).
(() => {
  const { words: W, runs: RUNS, most: MOST, full: FULL } = JSON.parse(document.getElementById("data").textContent);
  const COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00"]; // as in viz.plots.boundary
  const DASHES = ["", "10 6", "10 5 2 5", "2 5"];
  const LAST = Math.max(...RUNS.map((run) => run.losses.length - 1));

  function bytes(text) { return Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer; }

  // ---- What was recorded.

  for (const run of RUNS) {
    for (const name of ["losses", "norms"]) run[name] = run[name].map(decoded);
    const { view, network } = run;
    if (view) {
      const [low, high] = view.range, most = view.kind === "curve" ? 32767 : 127;
      const shares = view.kind === "curve" ? new Int16Array(bytes(view.outputs)) : new Int8Array(bytes(view.outputs));
      view.size = view.shape[0] * view.shape[1] * view.shape[2];
      // A score of classes was packed as s / (scale + |s|), a number as its place in the range.
      const score = (share, scale) => scale * share / (1.004 - Math.abs(share));
      const place = (share) => (low + high) / 2 + share * (high - low) / 2;
      const unpacked = view.kind === "classes" ? (share, i) => score(share / most, view.scales[Math.floor(i / view.size)]) : (share) => place(share / most);
      view.outputs = Float32Array.from(shares, unpacked);
    }
    for (const name of network ? ["weights", "gradients"] : []) {
      const { largest, shares } = network[name];
      network[name] = { largest, shares: new Int16Array(bytes(shares)) };
    }
  }
  const stops = [...new Set([LAST, ...RUNS.flatMap((run) => run.frames)])].sort((a, b) => a - b); // where there is something to see
  const frameAt = (run, step) => run.frames.findLastIndex((at) => at <= step);
  const lossAt = (run, step) => run.losses[Math.min(step, run.losses.length - 1)];
  function connection(network, name, frame, edge) { // a weight, or its gradient
    const { largest, shares } = network[name];
    return largest[frame] * shares[frame * network.edges.length + edge] / 32767;
  }

  // ---- Light or dark: `theme` decides; what is drawn follows.

  const root = document.documentElement, isDark = () => root.dataset.theme === "dark";
  new MutationObserver(() => draw()).observe(root, { attributeFilter: ["data-theme"] });

  // ---- The page.

  const bar = make(document.body, "header", { class: "bar" });
  make(bar, "h1", { class: "spoken" }, document.title);
  const group = (kind = "") => make(bar, "div", { class: `group ${kind}` });
  const word = (label) => label.replace(/ \(.*/, ""); // without the keyboard shortcut
  const walking = group();
  button(walking, "first", "|◀", W.first, () => go(0));
  button(walking, "back", "◀", W.back, back);
  const playButton = button(walking, "play", word(W.play), W.play, togglePlay);
  button(walking, "forward", "▶", W.forward, forward);
  button(walking, "last", "▶|", W.last, () => go(LAST));
  const scrub = make(bar, "input", { type: "range", id: "scrub", min: 0, max: LAST, step: 1, value: 0, "aria-label": W.step });
  const counter = make(bar, "div", { class: "counter", id: "counter" });
  const pace = make(make(group("pace"), "label", { class: "group" }, W.speed), "input", { type: "range", id: "speed", min: -3, max: 2, step: 1, value: 0 });
  button(group(), "theme", "◐", W.theme, theme.switch);

  const kinds = { one: RUNS.length === 1, many: RUNS.length > 2, blind: RUNS.every((run) => !run.view), flat: RUNS.every((run) => !run.network) };
  const main = make(document.body, "main", { class: Object.keys(kinds).filter((kind) => kinds[kind]).join(" ") });
  main.style.setProperty("--runs", RUNS.length);
  const panels = RUNS.map((run, i) => {
    const inColumn = (element) => { element.style.setProperty("--column", i + 1); return element; };
    const head = inColumn(make(main, "div", { class: "head" }));
    make(head, "h2", {}, plain(run.name));
    const facts = make(head, "dl", { class: "facts" });
    const fact = (term) => {
      const div = make(facts, "div");
      make(div, "dt", {}, term);
      return make(div, "dd");
    };
    const panel = { run, loss: fact(W.loss), norm: fact(W.norm), right: run.counted ? fact(W.right) : null };
    panel.warning = make(head, "p", { class: "warning", hidden: "" });
    if (run.view) {
      const label = run.view.kind === "curve" ? W.curve : W.boundary;
      panel.canvas = make(inColumn(make(main, "figure", { class: "fit" })), "canvas", { role: "img", "aria-label": `${label}: ${plain(run.name)}` });
    }
    if (run.network) panel.net = drawnNetwork(inColumn(make(main, "figure", { class: "net" })), run, i);
    return panel;
  });
  const losses = make(main, "div", { class: "losses" });
  make(losses, "h2", {}, W.losses);
  const chart = make(make(losses, "div"), "svg", { class: "chart", role: "img", "aria-label": `${W.losses}: ${RUNS.map((run) => plain(run.name)).join("; ")}` });
  const key = make(main, "div", { class: "key", id: "key", tabindex: 0, role: "region", "aria-label": W.network });
  const signs = make(key, "div", { class: "signs" });
  const chosenWeights = make(key, "div", { id: "weights" });
  const note = make(main, "p", { class: "note" }, W.rounded);
  const spoken = make(document.body, "div", { class: "spoken", id: "spoken", role: "status" });

  // ---- What the network answers, on a canvas.

  const PAD = { left: 52, right: 10, top: 6, bottom: 30 };
  function rgb(hex) { return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)); }
  const RGB = COLOURS.map(rgb);

  function drawView({ run, canvas }, frame) {
    const { view } = run, ratio = devicePixelRatio || 1;
    const width = canvas.clientWidth, height = canvas.clientHeight;
    if (!width || !height) return;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    const c = canvas.getContext("2d"), style = getComputedStyle(document.body);
    const ink = style.color, page = style.backgroundColor;
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    c.fillStyle = page;
    c.fillRect(0, 0, width, height);
    const box = { x: PAD.left, y: PAD.top, width: width - PAD.left - PAD.right, height: height - PAD.top - PAD.bottom };
    const [x0, x1] = view.across, [y0, y1] = view.up;
    const X = (x) => box.x + (x - x0) / (x1 - x0) * box.width, Y = (y) => box.y + box.height - (y - y0) / (y1 - y0) * box.height;
    c.save();
    c.beginPath();
    c.rect(box.x, box.y, box.width, box.height);
    c.clip();
    if (view.kind === "curve") drawCurve(c, view, frame, box, X, Y);
    else {
      c.imageSmoothingEnabled = true;
      c.drawImage(region(view, frame), box.x, box.y, box.width, box.height);
      if (view.kind === "classes" && view.shape[0] === 1) drawBoundary(c, view, frame, box, ink);
      drawPoints(c, view, X, Y, Math.min(box.width, box.height) / 70 + 2);
    }
    c.restore();
    c.strokeStyle = ink;
    c.lineWidth = 1;
    c.strokeRect(box.x, box.y, box.width, box.height);
    c.fillStyle = ink;
    const size = width < 260 ? 15 : 18;
    c.font = `${size}px system-ui, sans-serif`;
    c.textBaseline = "top";
    for (const [x, align] of [[x0, "left"], [x1, "right"]]) { c.textAlign = align; c.fillText(shown(rounded(x, x1 - x0)), X(x), box.y + box.height + 6); }
    c.textAlign = "center";
    c.fillText(view.kind === "curve" ? "x" : "x₁", X((x0 + x1) / 2), box.y + box.height + 6);
    c.textAlign = "right";
    for (const [y, base] of [[y0, "bottom"], [y1, "top"]]) { c.textBaseline = base; c.fillText(shown(rounded(y, y1 - y0)), box.x - 6, Y(y)); }
    c.textBaseline = "middle";
    c.fillText(view.kind === "curve" ? "y" : "x₂", box.x - 6, Y((y0 + y1) / 2));
  }
  const rounded = (x, span) => Number(x.toFixed(Math.max(0, 2 - Math.floor(Math.log10(span || 1) + 1))));

  function region(view, frame) { // the colours of the plane: bilinear between the points that were measured
    const [planes, rows, columns] = view.shape, FINE = planes > 1 ? 9 : 5, o = view.outputs;
    const wide = (columns - 1) * FINE + 1, high = (rows - 1) * FINE + 1;
    const image = view.image ??= Object.assign(document.createElement("canvas"), { width: wide, height: high });
    const c = image.getContext("2d"), { data } = view.pixels ??= c.createImageData(wide, high), start = frame * view.size;
    const scores = new Float64Array(planes), winners = new Uint8Array(wide * high), ink = isDark() ? 255 : 0;
    const faint = 25, strong = isDark() ? 125 : 120; // how opaque where the network is undecided, and how much more where it is sure
    const [lowest, highest] = view.range;
    for (let y = 0; y < high; y++) {
      const row = Math.min(rows - 2, Math.floor(y / FINE)), v = y / FINE - row;
      for (let x = 0; x < wide; x++) {
        const column = Math.min(columns - 2, Math.floor(x / FINE)), u = x / FINE - column;
        let best = 0;
        for (let plane = 0; plane < planes; plane++) {
          const at = start + (plane * rows + row) * columns + column;
          scores[plane] = ((1 - u) * o[at] + u * o[at + 1]) * (1 - v) + ((1 - u) * o[at + columns] + u * o[at + columns + 1]) * v;
          if (scores[plane] > scores[best]) best = plane;
        }
        const place = (high - 1 - y) * wide + x, score = scores[0];
        let colour = RGB[best % 6], opaque;
        if (view.kind === "surface") {
          const share = Math.max(-1, Math.min(1, 2 * (score - lowest) / (highest - lowest) - 1));
          colour = RGB[share < 0 ? 0 : 5];
          opaque = 200 * Math.abs(share);
        } else if (planes === 1) {
          colour = RGB[score < 0 ? 0 : 1];
          opaque = faint + strong * Math.abs(Math.tanh(score / 2));
        } else opaque = faint + strong / scores.reduce((sum, other) => sum + Math.exp(other - scores[best]), 0); // its probability
        winners[place] = best;
        const border = planes > 1 && ((x > 0 && winners[place - 1] !== best) || (y > 0 && winners[place + wide] !== best));
        data[4 * place] = border ? ink : colour[0];
        data[4 * place + 1] = border ? ink : colour[1];
        data[4 * place + 2] = border ? ink : colour[2];
        data[4 * place + 3] = border ? 255 : opaque;
      }
    }
    c.putImageData(view.pixels, 0, 0);
    return image;
  }

  function drawBoundary(c, view, frame, box, ink) { // where the score is 0, cell by cell (marching squares)
    const [, rows, columns] = view.shape, start = frame * view.size, o = view.outputs;
    const X = (column) => box.x + column / (columns - 1) * box.width, Y = (row) => box.y + box.height * (1 - row / (rows - 1));
    c.beginPath();
    for (let row = 0; row < rows - 1; row++) {
      for (let column = 0; column < columns - 1; column++) {
        const corners = [[0, 0], [1, 0], [1, 1], [0, 1]].map(([dx, dy]) => [column + dx, row + dy, o[start + (row + dy) * columns + column + dx]]);
        const crossings = [];
        corners.forEach(([x, y, score], i) => {
          const [nextX, nextY, next] = corners[(i + 1) % 4];
          if ((score < 0) === (next < 0)) return;
          const share = score / (score - next);
          crossings.push([X(x + share * (nextX - x)), Y(y + share * (nextY - y))]);
        });
        for (let i = 0; i + 1 < crossings.length; i += 2) { c.moveTo(...crossings[i]); c.lineTo(...crossings[i + 1]); }
      }
    }
    c.strokeStyle = ink;
    c.lineWidth = 2.5;
    c.stroke();
  }

  const SHAPES = [ // as in viz.plots.boundary, around (0, 0) with a radius of 1
    (c) => c.arc(0, 0, 1, 0, 2 * Math.PI),
    (c) => polygon(c, [[0, -1.15], [1.05, 0.8], [-1.05, 0.8]]),
    (c) => polygon(c, [[-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]]),
    (c) => polygon(c, [[0, -1.25], [1.1, 0], [0, 1.25], [-1.1, 0]]),
    (c) => polygon(c, [[0, 1.15], [1.05, -0.8], [-1.05, -0.8]]),
    (c) => polygon(c, [[-0.4, -1.1], [0.4, -1.1], [0.4, -0.4], [1.1, -0.4], [1.1, 0.4], [0.4, 0.4], [0.4, 1.1], [-0.4, 1.1], [-0.4, 0.4], [-1.1, 0.4], [-1.1, -0.4], [-0.4, -0.4]]),
  ];
  function polygon(c, corners) { corners.forEach(([x, y], i) => (i ? c.lineTo(x, y) : c.moveTo(x, y))); c.closePath(); }

  function drawPoints(c, view, X, Y, radius) {
    const [low, high] = view.range;
    for (const [x, y, target] of view.points) {
      c.save();
      c.translate(X(x), Y(y));
      c.beginPath();
      c.scale(radius, radius);
      SHAPES[view.kind === "classes" ? target % 6 : 0](c);
      c.restore();
      const share = 2 * (target - low) / (high - low) - 1;
      c.fillStyle = view.kind === "classes" ? COLOURS[target % 6] : mixed(isDark() ? "#14181d" : "#ffffff", share < 0 ? COLOURS[0] : COLOURS[5], Math.abs(share));
      c.fill();
      c.strokeStyle = view.kind === "classes" || isDark() ? "#ffffff" : "#1a1a1a";
      c.lineWidth = 1.2;
      c.stroke();
    }
  }
  function mixed(from, to, share) {
    const [a, b] = [rgb(from), rgb(to)];
    return `rgb(${a.map((x, i) => Math.round(x + share * (b[i] - x))).join(" ")})`;
  }

  function drawCurve(c, view, frame, box, X, Y) {
    const [, , columns] = view.shape, [x0, x1] = view.across;
    const radius = Math.min(box.width, box.height) / 70 + 2;
    c.fillStyle = isDark() ? COLOURS[4] : COLOURS[0];
    for (const [x, y] of view.points) { c.beginPath(); c.arc(X(x), Y(y), radius, 0, 2 * Math.PI); c.fill(); }
    c.beginPath();
    for (let i = 0; i < columns; i++) {
      c.lineTo(X(x0 + (x1 - x0) * i / (columns - 1)), Y(view.outputs[frame * view.size + i]));
    }
    c.strokeStyle = isDark() ? "#ff8a3d" : COLOURS[5];
    c.lineWidth = 4;
    c.lineJoin = "round";
    c.stroke();
  }

  // ---- The neurons: a line for each weight; its width, dashes and colour say what it is at this step.

  let selected = null; // [layer, neuron]
  function drawnNetwork(figure, run, index) {
    const { network } = run;
    const svg = make(figure, "svg", { class: "chart", role: "group", "aria-label": `${W.network}: ${plain(run.name)}` });
    const below = make(svg, "g");
    const lines = network.edges.map(() => make(below, "line", { class: "edge" }));
    const neurons = [], last = network.columns.length - 1, classes = run.view?.kind === "classes" ? run.view.labels : [];
    const written = (layer, i) => { // beside an input, or one of several outputs
      if (layer === 0) return network.sizes[0] === 1 ? "x" : `x${[...String(i + 1)].map((digit) => "₀₁₂₃₄₅₆₇₈₉"[digit]).join("")}`;
      const label = layer === last && network.sizes[last] === classes.length ? plain(classes[i]) : "";
      return label.length > 8 ? `${label.slice(0, 7)}…` : label;
    };
    network.columns.forEach((column, layer) => {
      if (column.length < network.sizes[layer]) {
        for (const y of [-0.5, 0, 0.5]) neurons.push({ layer, y, dot: make(svg, "circle", { class: "dots" }) });
      }
      for (const [i, y] of column) {
        const name = layer === 0 ? `${W.input} ${i + 1}` : layer === last ? `${W.output} ${i + 1}` : filled(W.neuron, { i: i + 1, layer });
        const tabindex = neurons.some(({ g }) => g) ? -1 : 0; // Tab leads to the first, arrows to the others
        const g = make(svg, "g", { class: "neuron", role: "button", "aria-pressed": "false", "aria-label": name, tabindex });
        const circle = make(g, "circle");
        const text = written(layer, i), label = text ? make(g, "text", { "text-anchor": layer ? "start" : "end" }, text) : null;
        neurons.push({ layer, i, y, g, circle, name, label });
        g.addEventListener("click", () => select(layer, i));
      }
    });
    const focusable = neurons.filter(({ g }) => g);
    svg.addEventListener("keydown", (event) => {
      const at = focusable.findIndex(({ g }) => g === event.target);
      if (at < 0 || event.ctrlKey || event.altKey || event.metaKey) return;
      if (event.key === "Enter") select(focusable[at].layer, focusable[at].i);
      else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        const to = focusable[Math.max(0, Math.min(focusable.length - 1, at + (event.key === "ArrowDown" ? 1 : -1)))];
        for (const { g } of focusable) g.setAttribute("tabindex", g === to.g ? 0 : -1);
        to.g.focus();
      } else return;
      event.preventDefault();
      event.stopPropagation();
    });
    return { svg, lines, neurons, figure, index };
  }
  function select(layer, i) {
    selected = selected && selected[0] === layer && selected[1] === i ? null : [layer, i];
    draw();
  }
  function placeNetwork({ run, net }) {
    const { network } = run, width = net.figure.clientWidth, height = net.figure.clientHeight;
    if (!width || !height) return;
    const rows = Math.max(2, ...network.columns.map((column) => 1 + 2 * Math.max(...column.map(([, y]) => y))));
    const radius = Math.max(4, Math.min(height / rows * 0.4, width / network.columns.length * 0.2, 16));
    const last = network.columns.length - 1, isRoomy = height / rows > 20;
    const room = (layer) => radius + 8 + Math.max(...net.neurons.map((neuron) => neuron.layer === layer && isRoomy && neuron.label?.getComputedTextLength() || 0));
    const [left, right] = [room(0), room(last)];
    const X = (layer) => left + layer / Math.max(1, last) * (width - left - right), Y = (y) => height / 2 - y * height / rows;
    for (const { layer, y, circle, dot, label } of net.neurons) {
      if (label) set(label, { x: X(layer) + (layer ? 1 : -1) * (radius + 5), y: Y(y) + 6, visibility: isRoomy ? "visible" : "hidden" });
      const element = circle ?? dot;
      element.setAttribute("cx", X(layer));
      element.setAttribute("cy", Y(y));
      element.setAttribute("r", circle ? radius : Math.min(3, radius / 2));
    }
    const height_of = network.columns.map((column) => new Map(column));
    network.edges.forEach(([layer, i, j], edge) => {
      const line = net.lines[edge];
      line.setAttribute("x1", X(layer));
      line.setAttribute("y1", Y(height_of[layer].get(i)));
      line.setAttribute("x2", X(layer + 1));
      line.setAttribute("y2", Y(height_of[layer + 1].get(j)));
    });
    const thin = Math.min(1, (60 / network.edges.length) ** 0.5); // where there are many lines
    net.thick = Math.max(2, Math.min(9, height / rows * 0.45) * thin);
  }
  const strength = (share) => Math.max(0, Math.min(1, 1 + Math.log10(share) / 3)); // three powers of ten, so that the small ones late in training are seen too
  function drawNetwork({ run, net }, frame) {
    const { network } = run;
    network.edges.forEach(([layer, , j], edge) => {
      const weight = connection(network, "weights", frame, edge), gradient = connection(network, "gradients", frame, edge);
      const line = net.lines[edge];
      line.style.strokeWidth = 0.4 + net.thick * Math.min(1, Math.abs(weight) / FULL.weights);
      line.style.strokeDasharray = weight < 0 ? "7 4" : "none";
      const share = Math.round(100 * (gradient === 0 ? 0 : strength(Math.abs(gradient) / FULL.gradients)));
      line.style.stroke = `color-mix(in srgb, var(${gradient > 0 ? "--raises" : "--lowers"}) ${share}%, var(--neutral))`;
      line.classList.toggle("faint", selected !== null && !(layer + 1 === selected[0] && j === selected[1]));
    });
    for (const { g, layer, i } of net.neurons) g?.setAttribute("aria-pressed", selected !== null && layer === selected[0] && i === selected[1]);
  }
  function drawWeights(step) { // of the chosen neuron, in each training run
    chosenWeights.replaceChildren();
    signs.hidden = selected !== null; // the weights take their place
    if (!selected) return;
    for (const { run, net } of panels.filter(({ net }) => net)) {
      const { network } = run, frame = frameAt(run, step);
      const found = net.neurons.find(({ layer, i }) => layer === selected[0] && i === selected[1]);
      const into = network.edges.map((edge, index) => [edge, index]).filter(([[layer, , j]]) => layer + 1 === selected[0] && j === selected[1]);
      if (!found || !into.length) continue;
      const table = make(chosenWeights, "table", { class: "weights" });
      make(table, "caption", {}, RUNS.length > 1 ? `${found.name} · ${plain(run.name)}` : found.name);
      const title = make(make(table, "thead"), "tr"), body = make(table, "tbody");
      make(title, "td");
      const rows = [W.weight, W.gradient].map((name) => {
        const row = make(body, "tr");
        make(row, "th", { scope: "row" }, name);
        return row;
      });
      for (const [[, i], edge] of into) {
        make(title, "th", { scope: "col" }, selected[0] === 1 ? `${W.input} ${i + 1}` : String(i + 1));
        ["weights", "gradients"].forEach((name, row) => make(rows[row], "td", {}, shown(connection(network, name, frame, edge))));
      }
    }
  }

  // ---- The loss.

  const colourOf = (i) => ["--lowers", "--raises"][i] ? `var(${["--lowers", "--raises"][i]})` : COLOURS[[2, 3][i % 2]];
  let scale = null;
  function ticks(low, high, count) {
    const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough)), step = [1, 2, 5, 10].map((x) => x * power).find((x) => x >= rough);
    const found = [];
    for (let x = Math.ceil(low / step - 1e-9) * step; x <= high + step * 1e-9; x += step) found.push(Number(x.toPrecision(12)));
    return found;
  }
  function placeLosses() {
    chart.replaceChildren();
    const width = chart.clientWidth, height = chart.clientHeight;
    if (!width || !height) { scale = null; return; }
    const finite = RUNS.flatMap((run) => run.losses.filter(Number.isFinite).map((loss) => Math.min(loss, MOST)));
    if (!finite.length) return;
    let low = Math.min(...finite), high = Math.max(...finite);
    const log = low > 0 && high > 100 * low;
    const to = log ? Math.log10 : (x) => x;
    [low, high] = [to(low), to(high)];
    if (!log && low > 0) low = 0;
    if (high === low) high = low + 1;
    const box = { left: 62, right: width - 24, top: 10, bottom: height - 56 };
    const X = (step) => box.left + step / Math.max(1, LAST) * (box.right - box.left), Y = (loss) => box.bottom - (to(Math.min(loss, MOST)) - low) / (high - low) * (box.bottom - box.top);
    const marks = log ? Array.from({ length: Math.floor(high) - Math.ceil(low) + 1 }, (_, i) => 10 ** (Math.ceil(low) + i)) : ticks(low, high, 4);
    const every = Math.ceil(marks.length / 5);
    marks.filter((_, i) => i % every === 0).forEach((mark) => {
      make(chart, "line", { class: "grid", x1: box.left, x2: box.right, y1: Y(mark), y2: Y(mark) });
      make(chart, "text", { x: box.left - 8, y: Y(mark) + 6, "text-anchor": "end" }, shown(mark));
    });
    const across = ticks(0, LAST, width < 300 ? 2 : 4);
    for (const mark of across) if (Number.isInteger(mark)) make(chart, "text", { x: X(mark), y: box.bottom + 22, "text-anchor": "middle" }, String(mark));
    make(chart, "text", { x: (box.left + box.right) / 2, y: box.bottom + 46, "text-anchor": "middle" }, W.step);
    make(chart, "line", { class: "axis", x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom });
    RUNS.forEach((run, i) => {
      let d = "", pen = "M";
      run.losses.forEach((loss, step) => {
        if (!Number.isFinite(loss)) { pen = "M"; return; }
        d += `${pen}${X(step).toFixed(1)} ${Y(loss).toFixed(1)}`;
        pen = "L";
      });
      const path = make(chart, "path", { class: "curve", d });
      path.style.stroke = colourOf(i);
      path.style.strokeDasharray = DASHES[i % 4];
    });
    const now = make(chart, "line", { class: "now", y1: box.top, y2: box.bottom });
    const dots = RUNS.map((_, i) => { const dot = make(chart, "circle", { r: 7 }); dot.style.fill = colourOf(i); return dot; });
    const size = { width: Math.max(0, box.right - box.left), height: Math.max(0, box.bottom - box.top) };
    const area = make(chart, "rect", { class: "scrubs", x: box.left, y: box.top, ...size });
    const follow = (event) => go(Math.round((event.clientX - chart.getBoundingClientRect().left - box.left) / (box.right - box.left) * LAST));
    area.addEventListener("pointerdown", (event) => { area.setPointerCapture(event.pointerId); follow(event); });
    area.addEventListener("pointermove", (event) => { if (event.buttons) follow(event); });
    scale = { X, Y, now, dots };
  }
  function drawLosses() {
    if (!scale) return;
    scale.now.setAttribute("x1", scale.X(k));
    scale.now.setAttribute("x2", scale.X(k));
    RUNS.forEach((run, i) => {
      const at = Math.min(k, run.losses.length - 1), loss = run.losses[at], dot = scale.dots[i];
      dot.style.display = Number.isFinite(loss) ? "" : "none";
      if (!Number.isFinite(loss)) return;
      dot.setAttribute("cx", scale.X(at));
      dot.setAttribute("cy", scale.Y(loss));
    });
  }

  // ---- What the signs mean.

  function sign(list, drawing, text) {
    const item = make(list, "li"), svg = make(item, "svg", { width: 34, height: 22, "aria-hidden": "true" });
    drawing(svg);
    make(item, "span", {}, text);
  }
  const lineSign = (colour, width, dashes = "") => (svg) => {
    const line = make(svg, "line", { x1: 1, x2: 33, y1: 11, y2: 11 });
    line.style.stroke = colour;
    line.style.strokeWidth = width;
    line.style.strokeDasharray = dashes;
  };
  function shapeSign(i) {
    return (svg) => {
      const d = []; // the canvas's path, as that of an SVG
      SHAPES[i % 6]({
        arc: () => d.push("M1 0A1 1 0 1 1 -1 0A1 1 0 1 1 1 0"), moveTo: (x, y) => d.push(`M${x} ${y}`), lineTo: (x, y) => d.push(`L${x} ${y}`), closePath: () => d.push("Z"),
      });
      make(svg, "path", { d: d.join(""), transform: "translate(17 11) scale(8)", fill: COLOURS[i % 6] });
    };
  }
  const classes = RUNS.find((run) => run.view?.kind === "classes")?.view.labels ?? [];
  const [ofRuns, ofClasses, ofLines] = [RUNS.length > 1, classes.length, RUNS.some((run) => run.network)].map((some) => some && make(signs, "ul"));
  if (ofRuns) RUNS.forEach((run, i) => sign(ofRuns, lineSign(colourOf(i), 3, DASHES[i % 4]), plain(run.name)));
  classes.forEach((label, i) => sign(ofClasses, shapeSign(i), filled(W.class, { label: plain(label) })));
  if (ofLines) {
    sign(ofLines, lineSign("var(--ink)", 5), W.width);
    sign(ofLines, lineSign("var(--raises)", 5), W.raises);
    sign(ofLines, lineSign("var(--lowers)", 5), W.lowers);
    note.textContent = `${W.choose} ${W.rounded}`;
  }

  // ---- Moving from step to step.

  let k = 0, timer = null, addressing = null;
  function draw() {
    for (const panel of panels) {
      const { run } = panel, frame = frameAt(run, k), loss = lossAt(run, k);
      panel.loss.textContent = shown(loss);
      panel.norm.textContent = shown(run.norms[frame]);
      if (panel.right) panel.right.textContent = filled(W.rightOf, { right: run.right[frame], all: run.counted });
      panel.warning.hidden = run.diverged === null || k < run.diverged;
      if (run.diverged !== null) panel.warning.textContent = filled(W.diverged, { k: run.diverged });
      if (panel.canvas) drawView(panel, frame);
      if (panel.net) drawNetwork(panel, frame);
    }
    drawLosses();
    drawWeights(k);
    counter.textContent = filled(W.counter, { k, n: LAST });
    scrub.value = k;
    scrub.setAttribute("aria-valuetext", counter.textContent);
    if (timer === null) spoken.textContent = `${counter.textContent}. ${RUNS.map((run) => `${plain(run.name)}: ${W.loss} ${shown(lossAt(run, k))}`).join("; ")}`;
    clearTimeout(addressing);
    if (location.protocol !== "about:") addressing = setTimeout(address, 200); // browsers limit how often it may change
  }
  function address() { if (location.hash !== `#${k}`) history.replaceState(null, "", `#${k}`); }
  function show(to) { k = Math.max(0, Math.min(LAST, to)); draw(); }
  function go(to) { stopPlaying(); show(to); }
  function forward() { go(stops.find((stop) => stop > k) ?? LAST); }
  function back() { go(stops.findLast((stop) => stop < k) ?? 0); }
  function says(label) {
    playButton.textContent = word(label);
    playButton.title = label;
    playButton.setAttribute("aria-label", label);
  }
  function stopPlaying() {
    clearInterval(timer);
    timer = null;
    says(W.play);
  }
  function tick() {
    const next = stops.find((stop) => stop > k);
    if (next !== undefined) show(next);
    if (k === LAST) go(LAST);
  }
  function togglePlay() {
    if (timer !== null) { stopPlaying(); draw(); return; }
    if (k === LAST) show(0);
    timer = setInterval(tick, 100 / 2 ** Number(pace.value));
    says(W.pause);
  }
  pace.addEventListener("input", () => { if (timer !== null) { clearInterval(timer); timer = setInterval(tick, 100 / 2 ** Number(pace.value)); } });
  scrub.addEventListener("input", () => go(Number(scrub.value)));
  const KEYS = { ArrowRight: forward, ArrowLeft: back, Home: () => go(0), End: () => go(LAST), " ": togglePlay };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || !(event.key in KEYS)) return;
    const at = event.target.tagName;
    if (at === "INPUT" && event.key !== " ") return; // there the arrows move the slider
    if (at === "BUTTON" && event.key === " ") return;
    event.preventDefault();
    KEYS[event.key]();
  });
  addEventListener("hashchange", () => { const to = Number(location.hash.slice(1)); if (Number.isInteger(to) && to !== k) go(to); });

  function place() {
    placeLosses();
    for (const panel of panels) if (panel.net) placeNetwork(panel);
    draw();
  }
  const start = Number(location.hash.slice(1));
  if (Number.isInteger(start)) k = Math.max(0, Math.min(LAST, start));
  place();
  new ResizeObserver(place).observe(main); // also when a frame is laid out later

  // The state of the page, for use from outside: by tests, or in a console in class.
  window.training = { go, last: LAST, get step() { return k; }, runs: RUNS, connection };
})();
