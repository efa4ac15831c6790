// The picture. It is drawn once for each view; after that, only texts and classes change, as a frame says: what each
// box and each arrow shows.

const LEAST = 18 / 16; // the scale at which text of 16 has 18 pixels, which can be read from the back row
const LEAST_ON_A_PHONE = 1;

const body = document.body;
const main = make(body, "main");
make(main, "h1", { class: "spoken" }, document.title);
const bar = div(main, "bar", { role: "toolbar", "aria-label": W.controls });
const middle = div(main, "middle");
const stage = div(middle, "stage");
const aside = div(middle, "aside", { hidden: "" });
const panel = div(main, "panel");
const line = div(panel, "line");
const formula = div(line, "formula");
const cells = make(panel, "dl", { class: "cells", id: "cells" });
const source = div(panel, "source");
const spoken = make(main, "div", { class: "spoken", id: "spoken", "aria-live": "polite", role: "status" });

let view, boxOf, stops; // of the view that is open
let svg, ring, boxes, arrows, arrowOf, focused = null;
let scale = 1, zoomed = false;

function drawView(index) {
  view = G.views[index];
  boxOf = boxesOf(view);
  stops = stopsOf(view);
  stage.replaceChildren();
  const [width, height] = view.size;
  svg = make(stage, "svg", { viewBox: `0 -20 ${width} ${height + 28}`, role: "group", "aria-label": document.title });
  svg.classList.toggle("small", view.boxes.length <= 60); // only there are fading colours affordable
  const defs = make(svg, "defs");
  for (const kind of ["", "active"]) {
    const marker = make(defs, "marker", { id: `tip${kind}`, markerUnits: "userSpaceOnUse", markerWidth: 12, markerHeight: 10, refX: 10, refY: 5, orient: "auto" });
    make(marker, "path", { d: "M0,0 L11,5 L0,10 z", class: `tip ${kind}` });
  }
  const below = make(svg, "g"), above = make(svg, "g");
  ring = make(svg, "rect", { class: "ring", visibility: "hidden" });
  const dense = view.arrows.length > 120 ? " dense" : "";
  boxes = new Map(); arrows = []; arrowOf = new Map();
  for (const [tail, head, curve, x, y, operand, values] of view.arrows) {
    const id = operand < 0 ? `a${tail}_${head}` : `a${tail}_${head}_${operand}`;
    const g = make(below, "g", { id, class: `arrow${dense}` });
    const path = make(g, "path", { d: curve, "marker-end": "url(#tip)" });
    const count = values ? filled(W.values, { count: values }) : "";
    const label = make(g, "text", { x, y: y + 6 }, count);
    arrowOf.set(id, arrows.length);
    arrows.push({ g, path, label, operand, tail, head, count, text: count, active: false });
  }
  for (const box of view.boxes) boxes.set(box[0], drawnBox(above, box));
  focusable(boxes.keys().next().value);
  zoomed = false;
  scale = initialScale();
  sized();
}

const title = node => G.names[node].replace(/^\((.*)\)$/s, "$1"); // a formula needs the brackets of "(a + b)", a title does not
function drawnBox(parent, [id, x, y, width, height]) {
  const module = id < 0 ? moduleOf(id) : null;
  const role = module ? "module" : G.roles[id];
  const g = make(parent, "g", { id: id < 0 ? `m${-1 - id}` : `n${id}`, class: `box ${role}`, role: "button", tabindex: -1 });
  const left = x - width / 2, top = y - height / 2, round = role === "operation" || role === "output" ? 10 : 0;
  const rect = (shift, kind) => make(g, "rect", { x: left + shift, y: top + shift, width, height, rx: round, class: kind });
  if (module) rect(6, "behind");
  const face = rect(0, "body");
  const rows = module
    ? [["title", module.name], ["size", module.size], ...(module.outputs.length === 1 ? [["data", ""]] : []), ["gradient", ""]]
    : role === "constant" ? [["data", ""]]
    : [["title", G.operations[id] ? `${title(id)}: ${G.operations[id]}` : title(id)], ["data", ""], ["gradient", ""]];
  const texts = {};
  rows.forEach(([kind, text], i) => {
    texts[kind] = textSetter(make(g, "text", { x, y: top + 3 + (i + 0.5) * 21 + 6, class: kind }), width);
    texts[kind](plain(text));
  });
  texts.mark = textSetter(make(g, "text", { x: left + width - 5, y: top + 17, class: "mark" }));
  texts.badge = textSetter(make(g, "text", { x, y: top - 6, class: "badge" }));
  on(g, "click", () => choose(id));
  on(g, "focus", () => {
    focusable(id);
    const frame = { x: left - 5, y: top - 5, width: width + 10, height: height + 10, rx: round + 4 };
    const seen = g.matches(":focus-visible");
    set(ring, { ...frame, visibility: seen ? "visible" : "hidden" });
    if (seen) inView([boxes.get(id)]);
  });
  on(g, "blur", () => set(ring, { visibility: "hidden" }));
  return { id, g, face, texts, x, y, width, height, classes: `box ${role}`, base: `box ${role}` };
}
const pen = document.createElement("canvas").getContext("2d"); // which measures texts
function textSetter(element, width = Infinity) { // returns a function that sets the text, squeezed if it is too wide for the box
  const node = element.appendChild(document.createTextNode(""));
  let squeezed = false;
  return text => {
    if (text === node.data) return;
    node.data = text;
    pen.font = `${element.classList.contains("title") ? "bold " : ""}16px Helvetica, Arial, "Noto Sans", sans-serif`;
    const wide = text.length > 8 && pen.measureText(text).width > width - 12;
    if (wide) set(element, { textLength: width - 12, lengthAdjust: "spacingAndGlyphs" });
    else if (squeezed) element.removeAttribute("textLength");
    squeezed = wide;
  };
}

function paint(frame) { // frame.box(id) and frame.arrow(arrow) say what is shown
  for (const [id, box] of boxes) {
    const { classes = [], fill = "", ...texts } = frame.box(id);
    const said = { mark: "", badge: "", ...texts };
    for (const kind in said) box.texts[kind]?.(said[kind]);
    const joined = [box.base, ...classes].join(" ");
    if (joined !== box.classes) box.g.setAttribute("class", (box.classes = joined));
    if ((box.fill ?? "") !== fill) box.face.style.fill = box.fill = fill;
  }
  for (const arrow of arrows) {
    const { active = false, text = arrow.count } = frame.arrow(arrow);
    if (active !== arrow.active) {
      arrow.active = active;
      arrow.g.classList.toggle("active", active);
      arrow.path.setAttribute("marker-end", active ? "url(#tipactive)" : "url(#tip)");
    }
    if (text !== arrow.text) arrow.label.textContent = arrow.text = text;
  }
}

// ---- The keyboard: one box is reached by Tab, the others from there.

function focusable(id) {
  for (const [one, tabindex] of [[focused, -1], [id, 0]]) if (boxes.has(one)) set(boxes.get(one).g, { tabindex });
  focused = id;
}
function focusBox(id) { boxes.get(id)?.g.focus({ preventScroll: true }); }
function focusNext(by) {
  const ids = [...boxes.keys()], at = ids.indexOf(focused);
  focusBox(ids[Math.max(0, Math.min(ids.length - 1, at + by))]);
}

// ---- Sizes. All is shown, if it can be read at that size; otherwise what changes is kept in view.

const fittingScale = () => Math.min(stage.clientWidth / (view.size[0] + 8), stage.clientHeight / (view.size[1] + 36));
const initialScale = () => Math.max(innerWidth <= 560 ? LEAST_ON_A_PHONE : LEAST, Math.min(2.4, fittingScale()));
function sized() {
  set(svg, { width: view.size[0] * scale, height: (view.size[1] + 28) * scale });
}
function zoom(to) { zoomed = true; scale = Math.min(4, Math.max(0.02, to)); sized(); follow(); }
function refit() {
  if (!zoomed) { scale = initialScale(); sized(); }
  follow();
}
let followed = [];
function follow(these = followed) { inView((followed = these)); }
function inView(these) { // these boxes: all of them, or if there is no room for that, the first
  if (!these.length) return;
  const { scrollLeft, scrollTop, clientWidth, clientHeight } = stage;
  const edge = (some, at, size, side) => Math.max(...some.map(box => side * box[at] + box[size] / 2)) * side * scale + 12 * side;
  const edges = some => [edge(some, "x", "width", -1), edge(some, "x", "width", 1), edge(some, "y", "height", -1) + 20 * scale - 12, edge(some, "y", "height", 1) + 20 * scale];
  let [left, right, top, bottom] = edges(these);
  if (right - left > clientWidth || bottom - top > clientHeight) [left, right, top, bottom] = edges(these.slice(0, 1));
  const x = left < scrollLeft || right > scrollLeft + clientWidth ? (left + right - clientWidth) / 2 : scrollLeft;
  const y = top < scrollTop || bottom > scrollTop + clientHeight ? (top + bottom - clientHeight) / 2 : scrollTop;
  const smooth = timer !== null && matchMedia("(prefers-reduced-motion: no-preference)").matches;
  stage.scrollTo({ left: x, top: y, behavior: smooth ? "smooth" : "auto" });
}
const size = () => stage.clientWidth && `${stage.clientWidth} ${stage.clientHeight}`;
let room = "";
new ResizeObserver(() => { // also when a frame is laid out later, and when what stands around the picture grows
  if (room === (room = size())) return;
  refit();
}).observe(stage);
