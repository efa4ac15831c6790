// The player's page. It shows state k of a graph: the initial state, with steps 1 to k applied to it.
// This file follows the definition of `RULES`, the graph's rules as functions; null stands for one that could not be
// translated.
"use strict";
(() => {
  const G = JSON.parse(document.getElementById("graph").textContent);
  const W = G.words;
  const N = G.names.length, ROOT = N - 1;
  const SVG = "http://www.w3.org/2000/svg", MATH = "http://www.w3.org/1998/Math/MathML";

  // ---- Small functions: elements, numbers, words.

  function make(parent, tag, attributes = {}, text = "") {
    const space = parent.namespaceURI === SVG || tag === "svg" ? SVG : parent.namespaceURI === MATH || tag === "math" ? MATH : null;
    const element = space ? document.createElementNS(space, tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    if (text !== "") element.textContent = text;
    return parent.appendChild(element);
  }
  const plain = (text) => text.replace(/[\u0000-\u001f\u007f]/g, " ");
  const filled = (words, values) => words.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const decoded = (x) => (typeof x === "string" ? { inf: Infinity, "-inf": -Infinity, nan: NaN }[x] : x);

  function shown(x) { // four digits, as Python's %.4g
    if (!Number.isFinite(x)) return Number.isNaN(x) ? "nan" : x > 0 ? "inf" : "-inf";
    if (x === 0) return "0"; // -0 too
    const text = rounded(x), [digits, exponent] = text.split("e").map(Number);
    if (exponent >= -4 && exponent < 4) return String(Number(text));
    const sign = exponent < 0 ? "-" : "+";
    return `${digits}e${sign}${String(Math.abs(exponent)).padStart(2, "0")}`;
  }
  function rounded(x) { // of two equally near numbers, Python takes the even one, JavaScript the larger
    const exact = x.toExponential(4).includes("5e") ? x.toExponential(40) : "";
    return /\.\d\d[02468]50*e/.test(exact) ? exact.replace(/(\.\d{3})\d*/, "$1") : x.toExponential(3);
  }

  // ---- The numbers: as Python computed them, or recomputed here when a slider has been moved.

  const given = { values: G.values.map(decoded), locals: G.locals.map((row) => row.map(decoded)) };
  let numbers = given;
  const moved = new Map(); // leaf -> its new number

  function recompute() {
    if (moved.size === 0) { numbers = given; return; }
    const values = given.values.slice(), locals = given.locals.slice();
    for (const [leaf, value] of moved) values[leaf] = value;
    for (let node = 0; node < N; node++) {
      if (G.rules[node] < 0) continue;
      const operands = G.parents[node].map((parent) => values[parent]);
      const rule = RULES[G.rules[node]];
      values[node] = rule.value(...operands);
      locals[node] = rule.partials(values[node], ...operands);
    }
    numbers = { values, locals };
  }

  // ---- The steps, and the state after each.

  const steps = [];
  for (let node = 0; node < N; node++) if (G.parents[node].length) steps.push({ kind: "forward", node });
  const FORWARD = steps.length;
  steps.push({ kind: "seed", node: ROOT });
  for (const [node, operand] of G.backward) steps.push({ kind: "backward", node, operand, parent: G.parents[node][operand] });
  const LAST = steps.length;
  const expected = new Int32Array(N);
  for (const step of steps) if (step.kind === "backward") expected[step.parent]++;

  function stateAfter(k) {
    const state = {
      known: new Uint8Array(N), gradient: new Float64Array(N), has: new Uint8Array(N), received: new Int32Array(N),
      upstream: 0, local: 0, product: 0, before: 0,
    };
    for (let node = 0; node < N; node++) if (!G.parents[node].length) state.known[node] = 1;
    for (let i = 0; i < k; i++) {
      const { kind, node, operand, parent } = steps[i];
      if (kind === "forward") state.known[node] = 1;
      else if (kind === "seed") { state.gradient[node] = 1; state.has[node] = 1; }
      else {
        state.upstream = state.gradient[node];
        state.local = numbers.locals[node][operand];
        state.product = state.upstream === 0 ? 0 : state.upstream * state.local; // where 0 arrives, 0 is sent on
        state.before = state.gradient[parent];
        state.gradient[parent] = state.before + state.product;
        state.has[parent] = 1;
        state.received[parent]++;
      }
    }
    return state;
  }
  const complete = (state, node, k) => k > FORWARD && (node === ROOT || (expected[node] > 0 && state.received[node] === expected[node]));

  // ---- The page.

  const body = document.body;
  const bar = make(body, "div", { class: "bar", role: "toolbar" });
  const group = () => make(bar, "div", { class: "group" });
  function button(parent, id, sign, label, action) {
    const element = make(parent, "button", { id, type: "button", title: label, "aria-label": label }, sign);
    element.addEventListener("click", (event) => {
      action();
      if (event.detail > 0) stage.focus({ preventScroll: true }); // after a click, the keys control the player again
    });
    return element;
  }
  const word = (label) => label.replace(/ \(.*/, ""); // without the keyboard shortcut
  function says(element, label) {
    element.textContent = word(label);
    element.title = label;
    element.setAttribute("aria-label", label);
  }
  const walking = group();
  button(walking, "first", "|◀", W.first, () => { stopPlaying(); go(0); });
  button(walking, "back", "◀", W.back, () => { stopPlaying(); back(); });
  const playButton = button(walking, "play", word(W.play), W.play, togglePlay);
  button(walking, "forward", "▶", W.forward, () => { stopPlaying(); forward(); });
  button(walking, "last", "▶|", W.last, () => { stopPlaying(); go(LAST); });
  const counter = make(bar, "div", { class: "counter", id: "counter" });
  const pace = make(make(bar, "label", { class: "group" }, W.speed), "input", { type: "range", id: "speed", min: -2, max: 2, step: 1, value: 0, "aria-label": W.speed });
  const predictButton = button(bar, "predict", W.predict, W.predict, () => { predicting = !predicting; hidden = predicting && hides(k); show(); });
  const revealButton = button(bar, "reveal", word(W.reveal), W.reveal, reveal);
  const folding = group();
  const closeButton = button(folding, "close", "⊟", W.close, () => { if (view.up !== undefined) openView(view.up); });
  const openButton = button(folding, "open", "⊞", W.open, () => openView(deeper()));
  const looking = group();
  button(looking, "smaller", "−", W.smaller, () => zoom(1 / 1.25));
  button(looking, "fit", "⤢", W.fit, () => { scale = fittingScale(); sized(); });
  button(looking, "larger", "+", W.larger, () => zoom(1.25));
  button(looking, "theme", "◐", W.theme, () => { chosen = page.theme === "dark" ? "light" : "dark"; paint(); });
  const stage = make(body, "div", { class: "stage", id: "stage", tabindex: 0, role: "group", "aria-label": document.title });
  const panel = make(body, "div", { class: "panel" });
  const formula = make(panel, "div", { class: "formula", id: "formula" });
  const cells = make(panel, "dl", { class: "cells", id: "cells" });
  const source = make(panel, "div", { class: "source", id: "source" });
  const spoken = make(body, "div", { class: "spoken", id: "spoken", "aria-live": "polite", role: "status" });

  // ---- Light or dark: the button decides; else the page around the frame, whose text colour the frame sends; else the
  // system.

  const page = document.documentElement.dataset, dark = matchMedia("(prefers-color-scheme: dark)");
  let chosen = null, notebookTheme = null;
  function paint() {
    page.theme = chosen ?? notebookTheme ?? (dark.matches ? "dark" : "light");
    for (const fade of document.getAnimations()) fade.finish();
  }
  paint();
  dark.addEventListener("change", paint);
  addEventListener("message", ({ source, data }) => {
    const ink = source === window.parent && /^rgba?\((\d+), (\d+), (\d+)/.exec(data?.ink);
    if (!ink) return;
    notebookTheme = Number(ink[1]) + Number(ink[2]) + Number(ink[3]) > 384 ? "dark" : "light"; // light text, dark page
    paint();
  });

  // ---- The picture. It is drawn once for each view; after that, only texts and classes change.

  let view, svg, boxes, arrows, boxOf, arrowOf, stops, scale;

  function openView(index) {
    view = G.views[index];
    stage.replaceChildren();
    const [width, height] = view.size;
    svg = make(stage, "svg", { viewBox: `0 -20 ${width} ${height + 28}`, role: "img", "aria-label": document.title });
    svg.classList.toggle("small", view.boxes.length <= 60); // only there are fading colours affordable
    const defs = make(svg, "defs");
    for (const kind of ["", " active"]) {
      const marker = make(defs, "marker", { id: `tip${kind.trim()}`, markerUnits: "userSpaceOnUse", markerWidth: 12, markerHeight: 10, refX: 10, refY: 5, orient: "auto" });
      make(marker, "path", { d: "M0,0 L11,5 L0,10 z", class: `tip${kind}` });
    }
    const below = make(svg, "g"), above = make(svg, "g");
    const dense = view.arrows.length > 120 ? " dense" : "";
    boxes = new Map(); arrows = []; arrowOf = new Map(); boxOf = new Int32Array(N);
    for (const box of view.boxes) {
      const [id] = box;
      for (const node of id >= 0 ? [id] : G.modules[-1 - id].nodes) boxOf[node] = id;
    }
    for (const [tail, head, curve, x, y, operand, values] of view.arrows) {
      const id = operand < 0 ? `a${tail}_${head}` : `a${tail}_${head}_${operand}`;
      const g = make(below, "g", { id, class: `arrow${dense}` });
      const path = make(g, "path", { d: curve, "marker-end": "url(#tip)" });
      const label = make(g, "text", { x, y: y + 5 }, values ? filled(W.values, { count: values }) : "");
      arrowOf.set(id, arrows.length);
      arrows.push({ g, path, label, operand, head, fixed: Boolean(values), text: null, active: false });
    }
    for (const box of view.boxes) boxes.set(box[0], drawnBox(above, box));
    stops = stopsOf();
    hidden = hidden && hides(k);
    scale = initialScale();
    sized();
    closeButton.disabled = view.up === undefined || G.views[view.up] === view;
    openButton.disabled = deeper() === G.views.indexOf(view);
    closeButton.hidden = openButton.hidden = G.views.length < 2;
    show();
  }
  function deeper() { // the view of the next depth, if there is one
    const now = G.views.indexOf(view), next = now + 1;
    return view.path === null && next < G.views.length && G.views[next].path === null ? next : now;
  }

  const title = (node) => G.names[node].replace(/^\((.*)\)$/s, "$1"); // a formula needs the brackets of "(a + b)", a title does not
  function drawnBox(parent, [id, x, y, width, height]) {
    const module = id < 0 ? G.modules[-1 - id] : null;
    const role = module ? "module" : G.roles[id];
    const g = make(parent, "g", { id: id < 0 ? `m${-1 - id}` : `n${id}`, class: `box ${role}`, role: "button", tabindex: -1 });
    const left = x - width / 2, top = y - height / 2, round = role === "operation" || role === "output" ? 10 : 0;
    const rect = (shift, kind) => make(g, "rect", { x: left + shift, y: top + shift, width, height, rx: round, class: kind });
    if (module) rect(6, "behind");
    rect(0, "body");
    const rows = module
      ? [["title", module.name], ["", module.size], ...(module.output >= 0 ? [["signal", ""]] : []), ["gradient", ""]]
      : role === "constant" ? [["data", ""]]
      : [["title", G.operations[id] ? `${title(id)}: ${G.operations[id]}` : title(id)], ["data", ""], ["gradient", ""]];
    const texts = {};
    rows.forEach(([kind, text], i) => {
      texts[kind] = textSetter(make(g, "text", { x, y: top + 3 + (i + 0.5) * 21 + 5, class: kind }), width);
      texts[kind](plain(text));
    });
    texts.mark = textSetter(make(g, "text", { x: left + width - 5, y: top + 17, class: "mark" }));
    texts.badge = textSetter(make(g, "text", { x, y: top - 6, class: "badge" }));
    g.addEventListener("click", () => (module ? openView(module.opens) : runTo(id)));
    return { g, texts, x, y, classes: g.getAttribute("class"), base: g.getAttribute("class") };
  }
  function textSetter(element, width = Infinity) { // returns a function that sets the text, squeezed if it is too wide for the box
    const node = element.appendChild(document.createTextNode(""));
    let squeezed = false;
    return (text) => {
      if (text === node.data) return;
      node.data = text;
      let size = 0;
      for (const c of text) size += c.codePointAt(0) < 0x1100 ? 8 : 14.5;
      if (size > width - 12) {
        element.setAttribute("textLength", width - 16);
        element.setAttribute("lengthAdjust", "spacingAndGlyphs");
      } else if (squeezed) element.removeAttribute("textLength");
      squeezed = size > width - 12;
    };
  }

  const fittingScale = () => Math.min(stage.clientWidth / (view.size[0] + 8), stage.clientHeight / (view.size[1] + 36), 2.4);
  function sized() {
    svg.setAttribute("width", view.size[0] * scale);
    svg.setAttribute("height", (view.size[1] + 28) * scale);
  }
  const framed = window.self !== window.top; // in a notebook: read from nearby, and with little room
  const initialScale = () => (fittingScale() < (framed ? 0.6 : 1) ? 1.25 : fittingScale()); // everything, if it is readable at that size
  function scaled(to) { scale = to; sized(); follow(); }
  const zoom = (factor) => scaled(Math.min(4, Math.max(0.02, scale * factor)));

  // ---- Where an arrow key stops: after each visible step. All that happens inside a collapsed module, and all that it
  // sends in a row, make one stop.

  const inside = ({ kind, node, parent }) => kind === "backward" && boxOf[node] < 0 && boxOf[node] === boxOf[parent];
  function stepKey(step) {
    if (inside(step)) return null;
    const { kind, node } = step, box = boxOf[node];
    return kind === "backward" && box >= 0 ? arrowId(step) : `${kind} ${box}`;
  }
  function arrowId({ node, operand, parent }) {
    const box = boxOf[node], to = boxOf[parent];
    return box >= 0 && to >= 0 ? `a${to}_${box}_${operand}` : `a${to}_${box}`;
  }
  function stepsOfStop() { // the backward steps that make this stop: one, or all that a collapsed module has sent in a row
    const found = [], key = stepKey(steps[k - 1]);
    if (key === null) return [steps[k - 1]];
    for (let i = k - 1; i >= 0; i--) {
      const other = stepKey(steps[i]);
      if (other === key) found.push(steps[i]);
      else if (other !== null) break;
    }
    return found;
  }
  function stopsOf() {
    const keys = steps.map(stepKey), found = [0];
    let next = null;
    for (let i = LAST - 1; i >= 0; i--) {
      if (keys[i] !== null && keys[i] !== next) { found.push(i + 1); next = keys[i]; }
    }
    found.push(LAST);
    return [...new Set(found)].sort((a, b) => a - b);
  }

  // ---- Showing a state.

  let k = 0, hidden = false, predicting = false, timer = null, addressing = null;

  function show() {
    const state = stateAfter(hidden ? k - 1 : k);
    const step = k > 0 ? steps[k - 1] : null;
    const shownState = hidden ? { ...state, upstream: state.gradient[step.node], local: numbers.locals[step.node][step.operand], before: state.gradient[step.parent] } : state;
    const sender = step && step.kind !== "forward" && !inside(step) ? boxOf[step.node] : null;
    const sent = step && step.kind === "backward" && !inside(step) ? stepsOfStop() : [];
    const receivers = new Set(sent.length ? sent.map(({ parent }) => boxOf[parent]) : step && !inside(step) ? [boxOf[step.node]] : []);
    const activeArrows = new Set(sent.map((one) => arrowOf.get(arrowId(one))));
    for (const [id, box] of boxes) {
      const classes = [box.base];
      let done, texts;
      if (id >= 0) {
        done = complete(state, id, k);
        if (!state.known[id]) classes.push("waiting");
        const data = state.known[id] ? shown(numbers.values[id]) : "—";
        texts = G.roles[id] === "constant" ? { data } : { data: `data ${data}`, gradient: `grad ${state.has[id] ? shown(state.gradient[id]) : "—"}` };
      } else {
        const { nodes, parameters, output } = G.modules[-1 - id];
        const all = nodes.every((node) => state.known[node]);
        if (!all) classes.push("waiting");
        done = k > FORWARD && nodes.every((node) => !expected[node] || complete(state, node, k));
        const norm = parameters.some((node) => state.has[node]) ? shown(Math.hypot(...parameters.map((node) => state.gradient[node]))) : "—";
        texts = { gradient: `‖grad‖ ${norm}` };
        if (output >= 0) {
          const data = state.known[output] ? shown(numbers.values[output]) : "—";
          texts.signal = `out ${data}, grad ${state.has[output] ? shown(state.gradient[output]) : "—"}`;
        }
      }
      if (done) classes.push("done");
      let badge = "";
      if (receivers.has(id)) { classes.push("receiver"); badge = step.kind === "backward" ? `↓ ${W.receives}` : ""; }
      if (id === sender && step.kind === "backward") { classes.push("sender"); badge = `${W.sends} ↓`; }
      texts.mark = done ? "✓" : "";
      texts.badge = badge;
      for (const kind in texts) box.texts[kind](texts[kind]);
      const joined = classes.join(" ");
      if (joined !== box.classes) box.g.setAttribute("class", (box.classes = joined));
    }
    arrows.forEach((arrow, i) => {
      const active = activeArrows.has(i);
      if (active !== arrow.active) {
        arrow.active = active;
        arrow.g.classList.toggle("active", active);
        arrow.path.setAttribute("marker-end", active ? "url(#tipactive)" : "url(#tip)");
      }
      if (arrow.fixed || arrow.operand < 0) return;
      const passed = state.has[arrow.head] && (active || arrows.length <= 40) && k > FORWARD + 1;
      const text = passed && (active || complete(state, arrow.head, k)) ? `× ${shown(numbers.locals[arrow.head][arrow.operand])}` : "";
      if (text !== arrow.text) arrow.label.textContent = arrow.text = text;
    });
    describe(step, shownState, sent);
    counter.textContent = `${filled(W.counter, { k, n: LAST })}${k === 0 ? "" : k <= FORWARD ? ` · ${W.forwardPhase}` : ` · ${W.backwardPhase}`}`;
    predictButton.setAttribute("aria-pressed", predicting);
    revealButton.hidden = !predicting; // always there, or the picture would jump at every step
    revealButton.disabled = !hidden;
    follow();
    clearTimeout(addressing);
    if (location.protocol !== "about:") addressing = setTimeout(address, 200); // browsers limit how often it may change
  }
  function address() { if (location.hash !== `#${k}`) history.replaceState(null, "", `#${k}`); }

  function follow() { // keep what changes in view
    const step = steps[Math.max(0, k - 1)];
    const from = boxes.get(boxOf[step.node]), to = boxes.get(boxOf[step.parent ?? step.node]);
    const both = Math.abs(from.x - to.x) + 160 < stage.clientWidth / scale && Math.abs(from.y - to.y) + 90 < stage.clientHeight / scale;
    const x = (both ? (from.x + to.x) / 2 : to.x) * scale, y = ((both ? (from.y + to.y) / 2 : to.y) + 20) * scale;
    const smooth = matchMedia("(prefers-reduced-motion: no-preference)").matches && timer !== null;
    stage.scrollTo({ left: x - stage.clientWidth / 2, top: y - stage.clientHeight / 2, behavior: smooth ? "smooth" : "auto" });
  }

  // ---- The words and formulas below the picture.

  function mathName(parent, name) {
    const found = /^(\p{L})[_[]?(\d+)\]?$/u.exec(name);
    if (!found) return make(parent, "mi", name.length > 1 ? { mathvariant: "normal" } : {}, plain(name));
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
    for (const node of [of, by]) {
      const row = make(fraction, "mrow");
      make(row, "mo", {}, "∂");
      mathName(row, G.names[node]);
    }
  }
  const sign = (parent, text) => make(parent, "mo", {}, text);
  const math = (parent) => make(make(parent, "math", { displaystyle: "true" }), "mrow");

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
  const byName = (row, node) => (G.roles[node] === "constant" ? byNumber(row, node) : mathName(row, G.names[node]));
  const byNumber = (row, node) => mathNumber(row, numbers.values[node], false, true);

  function cell(term, write) {
    const div = make(cells, "div");
    make(div, "dt", {}, term);
    write(make(div, "dd"));
  }

  function describe(step, state, sent) {
    formula.replaceChildren();
    cells.replaceChildren();
    source.textContent = step && G.lines[step.node] ? plain(G.lines[step.node]) : "";
    if (!step) { formula.textContent = spoken.textContent = W.start; return; }
    const { kind, node, operand, parent } = step;
    const name = (which) => plain(G.names[which]);
    if (kind === "forward") {
      const row = math(formula);
      mathName(row, G.names[node]);
      sign(row, "=");
      if (ruleFormula(row, node, 0, byName)) {
        sign(row, "=");
        ruleFormula(row, node, 0, byNumber);
      } else make(row, "mtext", {}, `${plain(G.operations[node])}( ${filled(W.operands, { count: G.parents[node].length })} )`);
      sign(row, "=");
      mathNumber(row, numbers.values[node]);
      spoken.textContent = filled(W.computes, { node: name(node), value: shown(numbers.values[node]) });
    } else if (kind === "seed") {
      const row = math(formula);
      partialDerivative(row, ROOT, ROOT);
      sign(row, "=");
      mathNumber(row, 1);
      const words = filled(W.seed, { root: name(ROOT) });
      make(cells, "div", {}, words);
      spoken.textContent = words;
    } else if (inside(step)) {
      formula.textContent = spoken.textContent = filled(W.inside, { node: plain(G.modules[-1 - boxOf[node]].name) });
    } else if (sent.length > 1) {
      const called = (which) => plain(boxOf[which] < 0 ? G.modules[-1 - boxOf[which]].name : G.names[which]);
      const receivers = [...new Set(sent.map((one) => called(one.parent)))];
      const listed = receivers.length > 4 ? `${receivers.at(-1)} … ${receivers[0]}` : receivers.reverse().join(", ");
      const words = filled(W.many, { node: called(node), parent: listed, count: sent.length });
      formula.textContent = spoken.textContent = words;
    } else describeMessage(node, operand, parent, state, name);
  }

  function describeMessage(node, operand, parent, state, name) {
    const answer = (row, x, first) => (hidden ? make(row, "mtext", { class: "asked" }, "?") : mathNumber(row, x, first));
    const row = math(formula);
    partialDerivative(row, ROOT, parent);
    sign(row, "+=");
    partialDerivative(row, ROOT, node);
    sign(row, "·");
    partialDerivative(row, node, parent);
    sign(row, "=");
    mathNumber(row, state.upstream);
    sign(row, "·");
    mathNumber(row, state.local, false);
    sign(row, "=");
    answer(row, state.product);
    const received = state.received[parent] + (hidden ? 1 : 0), total = expected[parent];
    cell(W.rule, (dd) => {
      const rule = math(dd);
      partialDerivative(rule, node, parent);
      sign(rule, "=");
      const before = rule.textContent;
      if (!ruleFormula(rule, node, operand + 1, byName)) return mathNumber(rule, state.local);
      const written = rule.textContent.slice(before.length).replace("−", "-");
      if (written === shown(state.local)) return; // the derivative is a constant
      sign(rule, "=");
      mathNumber(rule, state.local);
    });
    cell(W.upstream, (dd) => mathNumber(math(dd), state.upstream));
    cell(W.product, (dd) => answer(math(dd), state.product));
    cell(W.sum, (dd) => {
      const sum = math(dd);
      mathNumber(sum, state.before);
      sign(sum, "+");
      answer(sum, state.product, false);
      sign(sum, "=");
      answer(sum, state.before + state.product);
    });
    cell(`${name(parent)}`, (dd) => {
      const dots = total <= 10 ? "●".repeat(received) + "○".repeat(total - received) : "";
      dd.textContent = [filled(W.received, { received, expected: total }), dots, received === total ? W.complete : ""].filter(Boolean).join(" ");
    });
    const said = { node: name(node), parent: name(parent), upstream: shown(state.upstream), local: shown(state.local) };
    spoken.textContent = hidden ? filled(W.asks, said) : filled(W.passes, { ...said, product: shown(state.product), total: shown(state.before + state.product), received, expected: total });
  }

  // ---- Moving from step to step.

  const hides = (at) => predicting && at > FORWARD + 1 && boxOf[steps[at - 1].node] >= 0 && boxOf[steps[at - 1].parent] >= 0;
  function go(to) { k = Math.max(0, Math.min(LAST, to)); hidden = false; show(); }
  function reveal() { if (hidden) { hidden = false; show(); } }
  function forward() {
    if (hidden) return reveal();
    const next = stops.find((stop) => stop > k);
    if (next === undefined) return stopPlaying();
    k = next;
    hidden = hides(k);
    if (k === LAST) stopPlaying();
    show();
  }
  function back() { go(stops.findLast((stop) => stop < k) ?? 0); }
  function runTo(node) {
    const computed = steps.findIndex((step) => step.kind === "forward" && step.node === node) + 1;
    const finished = node === ROOT ? FORWARD + 1 : steps.findLastIndex((step) => step.kind === "backward" && step.parent === node) + 1;
    if (!computed && !finished) return; // a constant
    stopPlaying();
    go(k < computed || finished === 0 ? computed : finished);
  }
  function stopPlaying() {
    clearInterval(timer);
    timer = null;
    says(playButton, W.play);
  }
  function startPlaying() {
    if (k === LAST) go(0);
    timer = setInterval(forward, 1400 / 2 ** Number(pace.value));
    says(playButton, W.pause);
  }
  function togglePlay() { timer === null ? startPlaying() : stopPlaying(); }
  pace.addEventListener("input", () => { if (timer !== null) { stopPlaying(); startPlaying(); } });

  const KEYS = {
    ArrowRight: forward, ArrowLeft: back, Home: () => go(0), End: () => go(LAST), " ": togglePlay, Enter: reveal,
    Escape: () => closeButton.click(),
  };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || !(event.key in KEYS)) return;
    const at = event.target.tagName, moves = /^Arrow|^Home$|^End$/.test(event.key);
    if (at === "INPUT" && moves) return; // there the arrows move the slider
    if ((at === "BUTTON" || at === "SUMMARY") && (event.key === " " || event.key === "Enter")) return;
    if (moves) stopPlaying();
    event.preventDefault();
    KEYS[event.key]();
  });
  addEventListener("hashchange", () => { const to = Number(location.hash.slice(1)); if (Number.isInteger(to) && to !== k) go(to); });
  const size = () => stage.clientWidth && `${innerWidth} ${innerHeight}`;
  let room = size();
  new ResizeObserver(() => { // unlike a resize event, it also fires when a frame is laid out later
    if (room === (room = size())) return;
    scaled(initialScale());
  }).observe(stage);

  // ---- The sliders, for the inputs; and for the parameters too, if there are few of both.

  const FEW = 8;
  function sliders() {
    const named = (role) => G.roles.map((r, node) => (r === role ? node : -1)).filter((node) => node >= 0 && node !== ROOT);
    const inputs = named("input"), parameters = named("parameter");
    const both = inputs.length > 0 && parameters.length > 0 && inputs.length + parameters.length <= FEW;
    const leaves = both ? [...inputs, ...parameters] : inputs.length ? inputs : parameters;
    if (!leaves.length) return;
    const box = make(body, "details", { class: "sliders", id: "sliders" });
    body.insertBefore(box, panel);
    box.addEventListener("toggle", () => { // their room is taken from the picture
      scaled(box.open ? Math.min(scale, Math.max(0.6, fittingScale())) : initialScale());
    });
    make(box, "summary", {}, both ? W.both : inputs.length ? W.inputs : W.parameters);
    if (RULES.includes(null)) {
      const node = G.rules.findIndex((rule) => rule >= 0 && RULES[rule] === null);
      make(box, "p", {}, filled(W.fixed, { rule: plain(G.operations[node]) }));
      return;
    }
    const rows = make(box, "div", { class: "rows" });
    const reset = [];
    for (const leaf of leaves.slice(0, 60)) {
      const start = given.values[leaf];
      if (!Number.isFinite(start)) continue;
      const span = Math.max(1, 2 * Math.abs(start));
      const label = make(rows, "label");
      make(label, "span", {}, plain(G.names[leaf]));
      const step = 10 ** Math.floor(Math.log10(span / 50)), most = step * Math.round(span / step); // so that 7 can be moved to 5
      const [min, max] = [start - most, start + most].map((end) => Number(end.toPrecision(12)));
      const slider = make(label, "input", { type: "range", id: `s${leaf}`, min, max, step, value: start });
      const output = make(label, "output", {}, shown(start));
      slider.addEventListener("input", () => {
        moved.set(leaf, Number(slider.value) + 0); // -0 + 0 is 0
        output.textContent = shown(moved.get(leaf));
        recompute();
        show();
      });
      reset.push(() => { slider.value = start; output.textContent = shown(start); });
    }
    const button = make(rows, "button", { type: "button", id: "reset" }, W.reset);
    button.addEventListener("click", () => { moved.clear(); reset.forEach((one) => one()); recompute(); show(); });
  }

  sliders();
  const atStart = Number(location.hash.slice(1));
  if (Number.isInteger(atStart)) k = Math.max(0, Math.min(LAST, atStart));
  openView(G.first);

  // The state of the page, for use from outside: by tests, or in a console in class.
  window.player = {
    go, last: LAST, get step() { return k; },
    get values() { return [...numbers.values]; },
    get gradients() { return [...stateAfter(k).gradient]; },
  };
})();
