// What is shown now, and what buttons, keys and the address do.

let timer = null, addressing = null;

// ---- What the steps lead through: the two passes; or, while their tool is open, a nudge or the paths of an input.

const passes = {
  at: 0,
  enter() { this.last = stops.length - 1; },
  frame(k) {
    const state = stateAfter(stops, asking ? k - 1 : k), stop = stops[k], { box: from, kind, sent } = stop;
    const receivers = new Set(sent.map(({ parent }) => boxOf[parent]).filter(id => id !== from));
    const lit = new Map(sent.map(message => [arrowOf.get(arrowId(boxOf, message)), message]));
    const fill = fills(state);
    if (G.firing) order.draw(state);
    return {
      box: id => {
        const classes = [], nodes = nodesIn(id), module = id < 0 ? moduleOf(id) : null;
        const awaited = nodes.filter(node => !isConstant(node)), done = awaited.length > 0 && awaited.every(node => complete(state, node) && !(G.firing && misled(state, node)));
        if (nodes.some(node => !state.known[node])) classes.push("waiting");
        if (done) classes.push("done");
        if (id === from && kind !== "seed") classes.push(kind === "backward" ? "sender" : "receiver");
        if (receivers.has(id) || (kind === "seed" && id === from)) classes.push("receiver");
        const wrong = G.firing ? verdictOn(state, id) : "";
        if (wrong) classes.push("early");
        const badge = kind !== "backward" ? "" : id === from ? `${W.sends} ↓` : receivers.has(id) ? `↓ ${W.receives}` : "";
        const node = module ? module.outputs[0] : id, row = dataRow(id), data = state.known[node] ? row : row.replace(/\s.*/, " —");
        const gradient = state.has[node] ? shown(state.gradient[node]) : "—";
        const norm = () => (module.parameters.some(p => state.has[p]) ? shown(normOf(state, module)) : "—");
        const texts = module ? { data: `${data}, grad ${gradient}`, gradient: `‖grad‖ ${norm()}` }
          : { data, gradient: G.firing ? besideTruth(state, id) : `grad ${gradient}` };
        return { classes, ...texts, mark: done && !wrong ? "✓" : "", badge: wrong && !badge ? wrong : badge, fill: fill(id) };
      },
      arrow: arrow => {
        const message = lit.get(arrowOf.get(arrow.g.id));
        if (arrow.operand < 0 || isConstant(arrow.tail)) return { active: Boolean(message) };
        const local = () => `× ${shown(numbers.locals[arrow.head][arrow.operand])}`;
        const passed = message ? !asking : arrows.length <= 40 && complete(state, arrow.head) && state.fired[arrow.head];
        return { active: Boolean(message), text: passed ? local() : "" };
      },
    };
  },
  describe(k) {
    const stop = stops[k];
    describe(stop, stateAfter(stops, k), stateAfter(stops, k - 1));
    showQuestion();
    const receiving = stop.sent.map(({ parent }) => boxes.get(boxOf[parent]));
    return stop.box === undefined ? [...boxes.values()].slice(0, 1) : [boxes.get(stop.box), ...new Set(receiving)];
  },
  counter(k) {
    const phase = k === 0 ? "" : stops[k].kind === "forward" ? ` · ${W.forwardPhase}` : ` · ${W.backwardPhase}`;
    return [filled(W.counter, { k, n: this.last }), phase];
  },
};
let scene = passes;

function show() {
  const k = scene.at;
  paint(scene.frame(k));
  const these = scene.describe(k);
  const [count, phase = ""] = [scene.counter(k)].flat();
  counter.textContent = count;
  make(counter, "span", {}, phase);
  if (scene !== passes) { question.hidden = verdict.hidden = legend.hidden = true; }
  follow(these);
  clearTimeout(addressing);
  addressing = setTimeout(writeAddress, 200); // browsers limit how often it may change
}
function go(to) { scene.at = Math.max(0, Math.min(scene.last, to)); if (scene === passes) ask(); show(); }

// ---- Opening and closing boxes.

function openView(index, inside = null) {
  const before = stops && stateAfter(stops, passes.at), wasEnd = before && passes.at === passes.last;
  drawView(index);
  passes.enter();
  passes.at = wasEnd ? passes.last : before ? sameState(before, stops) : 0;
  if (scene !== passes) scene.enter();
  if (inside) focusable(view.boxes.map(([id]) => id).find(id => inside.has(nodesIn(id)[0])) ?? focused);
  ask();
  closeButton.disabled = view.up === undefined || view.up === index;
  openButton.disabled = view.down === undefined;
  folding.hidden = G.views.length < 2;
  show();
}
const inPicture = () => stage.contains(document.activeElement);
function choose(id) { // a click on a box
  stopPlaying();
  if (id >= 0) return TOOLS[tool]?.choose ? leaves.includes(id) && TOOLS[tool].pick(id) : runTo(id);
  const had = inPicture();
  openView(moduleOf(id).opens, new Set(moduleOf(id).nodes));
  if (had) focusBox(focused);
}
function closeView() {
  if (closeButton.disabled) return;
  const had = inPicture(), nodes = new Set(nodesIn(focused));
  openView(view.up);
  focusable([...boxes.keys()].find(id => nodesIn(id).some(node => nodes.has(node))) ?? focused);
  if (had) focusBox(focused);
}

// ---- Moving from step to step.

function forward() {
  if (asking) return; // a question waits for its answer
  if (scene.at === scene.last) return stopPlaying();
  go(scene.at + 1);
  if (scene.at === scene.last) stopPlaying();
  if (asking && tool === "predict" && matchMedia("(pointer: fine)").matches && document.hasFocus()) typed.focus({ preventScroll: true });
}
function back() { go(scene.at - 1); }
function runTo(node) {
  const computed = stops.findIndex(stop => stop.nodes.includes(node));
  const finished = node === ROOT ? stops.findIndex(stop => stop.kind === "seed") : stops.findLastIndex(stop => stop.sent.some(({ parent }) => parent === node));
  if (computed < 0 && finished < 0) return; // a constant
  go(passes.at < computed || finished < 0 ? computed : finished);
}
function stopPlaying() {
  clearInterval(timer);
  timer = null;
  says(playButton, W.play);
}
function startPlaying() {
  if (scene.at === scene.last) go(0);
  timer = setInterval(forward, 1400 / 2 ** Number(pace.value));
  says(playButton, W.pause);
}
function togglePlay() { timer === null ? startPlaying() : stopPlaying(); }

// ---- The tools: one at a time; most have a column beside the picture.

const TOOLS = { predict: {}, ...(leaves.length ? { nudge, paths, slope: sliders } : {}), ...(G.firing ? { order } : {}) };
let tool = null;
function open(name) {
  stopPlaying();
  tool = name;
  predicting = name === "predict";
  scene = name === "nudge" && unknown < 0 ? nudge : name === "paths" ? paths : passes;
  aside.replaceChildren();
  aside.hidden = !TOOLS[name]?.build;
  if (!aside.hidden) TOOLS[name].build(aside);
  if (scene !== passes) scene.enter();
  ask();
  for (const each in TOOLS) set(byId(each), { "aria-pressed": each === name });
  toggleMenu(false);
  show();
  if (asking) typed.focus({ preventScroll: true });
}

// ---- The bar.

const group = parent => make(parent, "div", { class: "group" });
const word = label => label.replace(/\s\(.*/, ""); // without the keyboard shortcut
function says(element, label) {
  element.textContent = word(label);
  set(element, { title: label, "aria-label": label });
}
const walking = group(bar);
const then = act => () => { stopPlaying(); act(); };
button(walking, "first", "|◀", W.first, then(() => go(0)));
button(walking, "back", "◀", W.back, then(back));
const playButton = button(walking, "play", word(W.play), W.play, togglePlay);
button(walking, "forward", "▶", W.forward, then(forward));
button(walking, "last", "▶|", W.last, then(() => go(scene.last)));
const counter = div(bar, "counter");
const folding = group(bar);
const closeButton = button(folding, "close", "⊟", W.close, closeView);
const openButton = button(folding, "open", "⊞", W.open, () => { if (view.down !== undefined) openView(view.down); });
const tools = group(bar);
for (const name in TOOLS) {
  set(button(tools, name, W[name], W[`${name}Hint`], () => open(tool === name ? null : name)), { "aria-pressed": false });
}
const more = button(bar, "more", "⋯", W.more, () => toggleMenu(menu.hidden));
const menu = div(bar, "menu", { hidden: "" });
set(more, { "aria-controls": "menu", "aria-expanded": false });
function toggleMenu(to) { menu.hidden = !to; set(more, { "aria-expanded": to }); }
const pace = make(make(menu, "label", { class: "group" }, `${W.speed} `), "input", { type: "range", id: "speed", min: -2, max: 2, step: 1, value: 0 });
on(pace, "input", () => { if (timer !== null) { stopPlaying(); startPlaying(); } });
const looking = group(menu);
button(looking, "smaller", "−", W.smaller, () => zoom(scale / 1.25));
button(looking, "fit", "⤢", W.fit, () => zoom(Math.min(2.4, fittingScale())));
button(looking, "larger", "+", W.larger, () => zoom(scale * 1.25));
button(looking, "theme", "◐", W.theme, theme.switch);
const colourButton = button(menu, "colour", W.colour, W.colour, () => setColour(!colouring));
function setColour(to) {
  colouring = to;
  set(colourButton, { "aria-pressed": to });
  show();
}
const narrow = matchMedia("(max-width: 820px)"); // there the bar has room for the steps alone
function arrange() { narrow.matches ? menu.prepend(tools, folding) : more.before(folding, tools); }
on(narrow, "change", arrange);
on(window, "pointerdown", ({ target }) => { if (!menu.hidden && !target.closest("#menu, #more")) toggleMenu(false); });

// ---- Keys.

const KEYS = {
  ArrowRight: forward, ArrowLeft: back, Home: () => go(0), End: () => go(scene.last), " ": togglePlay,
  ArrowDown: () => focusNext(1), ArrowUp: () => focusNext(-1), Enter() { if (asking) typed.focus(); },
  Escape() { menu.hidden ? closeView() : (toggleMenu(false), more.focus()); },
};
on(window, "keydown", event => {
  const { key, target } = event;
  if (event.ctrlKey || event.altKey || event.metaKey || !(key in KEYS)) return;
  const activates = key === " " || key === "Enter";
  if (activates && inPicture()) {
    event.preventDefault();
    return choose(focused);
  }
  if (target.matches?.("select, input") && (target.type !== "range" || /^(Arrow|Home|End)/.test(key))) return key === "Escape" ? target.blur() : undefined;
  if (target.tagName === "BUTTON" && activates) return;
  if (/^Arrow(Left|Right)$|^Home$|^End$/.test(key)) stopPlaying();
  event.preventDefault();
  KEYS[key]();
});

// ---- The address: #12, and after it what is open, such as #12&view=3&nudge=0,0.1.

function address() {
  const at = G.views.indexOf(view), named = tool && tool !== "order" ? `&${tool}${TOOLS[tool].link?.() ?? ""}` : "";
  return `#${scene.at}${at === G.first ? "" : "&view=" + at}${named}${colouring ? "&colour" : ""}`;
}
function writeAddress() { // in a frame of another page, that page keeps it
  if (G.address !== undefined) parent.postMessage({ address: address() }, "*");
  else if (location.protocol !== "about:" && location.hash !== address()) history.replaceState(null, "", address());
}
function readAddress(start) {
  const [at, ...parts] = (location.hash || G.address || "").slice(1).split("&"), to = Number(at);
  if (start) openView(G.first);
  for (const part of parts) {
    const [name, ...values] = part.split(/[=,]/);
    if (name === "view" && G.views[Number(values[0])]) openView(Number(values[0]));
    if (Object.hasOwn(TOOLS, name)) { TOOLS[name].choose?.(...values.map(Number)); open(name); }
    if (name === "colour") setColour(true);
  }
  if (start && G.firing && !tool) open("order");
  if (Number.isInteger(to) && (start || to !== scene.at)) go(to);
}
on(window, "hashchange", () => { if (location.hash !== address()) readAddress(false); });

arrange();
readAddress(true);

// The state of the page, for use from outside: by tests, or in a console in class.
window.player = {
  go, judge, shade, limitOf, get last() { return scene.last; }, get step() { return scene.at; },
  get values() { return [...numbers.values]; },
  get gradients() { return [...stateAfter(stops, passes.at).gradient]; },
  get nudge() { return nudge.outcome(); },
  get paths() { return { count: paths.count, products: paths.all.map(({ product }) => product), sum: paths.sum() }; },
  get curve() { return sliders.curve(sliders.leaf); },
};
