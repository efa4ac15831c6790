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
let columns, condensed, width, across; // see `condense`

function drawView(index) {
  view = G.views[index];
  boxOf = boxesOf(view);
  stops = stopsOf(view);
  stage.replaceChildren();
  svg = make(stage, "svg", { role: "group", "aria-label": document.title });
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
    const path = make(g, "path", { "marker-end": "url(#tip)" });
    const count = values ? filled(W.values, { count: values }) : "";
    const label = make(g, "text", { y: y + 6 }, count), gap = {};
    arrowOf.set(id, arrows.length);
    arrows.push({ g, path, label, gap, write: textSetter(label, gap), curve, x, operand, tail, head, count, text: count, active: false });
  }
  for (const box of view.boxes) boxes.set(box[0], drawnBox(above, box));
  columns = [];
  for (const [left, right] of view.boxes.map(([, x, , wide]) => [x - wide / 2, x + wide / 2]).sort(([a], [b]) => a - b)) {
    const last = columns.at(-1);
    if (left <= last?.[1]) last[1] = Math.max(last[1], right);
    else columns.push([left, right]);
  }
  focusable(boxes.keys().next().value);
  zoomed = false;
  condensed = null;
  fitted();
}

const title = node => G.names[node].replace(/^\((.*)\)$/s, "$1"); // a formula needs the brackets of "(a + b)", a title does not
function drawnBox(parent, [id, x, y, width, height]) {
  const module = id < 0 ? moduleOf(id) : null;
  const role = module ? "module" : G.roles[id];
  const g = make(parent, "g", { id: id < 0 ? `m${-1 - id}` : `n${id}`, class: `box ${role}`, role: "button", tabindex: -1 });
  const box = { id, g, x, y, width, height, given: x, wide: width, classes: `box ${role}`, base: `box ${role}` };
  const top = -height / 2, round = role === "operation" || role === "output" ? 10 : 0;
  if (module) make(g, "rect", { y: top, height, transform: "translate(6 6)" });
  box.face = make(g, "rect", { y: top, height, rx: round, class: "body" });
  const rows = module
    ? [["title", module.name], ["size", module.size], ...(module.outputs.length === 1 ? [["data", ""]] : []), ["gradient", ""]]
    : role === "constant" ? [["data", ""]]
    : [["title", G.operations[id] ? `${title(id)}: ${G.operations[id]}` : title(id)], ["data", ""], ["gradient", ""], ...(G.firing ? [["true", ""]] : [])];
  const texts = box.texts = {};
  rows.forEach(([kind, text], i) => {
    texts[kind] = textSetter(make(g, "text", { y: top + 3 + (i + 0.5) * 21 + 6, class: kind }, plain(text)), box);
  });
  texts.mark = textSetter(make(g, "text", { y: top + 17, class: "mark" }), {});
  texts.badge = textSetter(make(g, "text", { y: top - 6, class: "badge" }), {});
  on(g, "click", () => choose(id));
  on(g, "focus", () => {
    focusable(id);
    const frame = { x: box.x - box.width / 2 - 5, y: y + top - 5, width: box.width + 10, height: height + 10, rx: round + 4 };
    const seen = g.matches(":focus-visible");
    set(ring, { ...frame, visibility: seen ? "visible" : "hidden" });
    if (seen) inView([box]);
  });
  on(g, "blur", () => set(ring, { visibility: "hidden" }));
  return box;
}
const pen = document.createElement("canvas").getContext("2d"); // which measures texts
function textSetter(element, box) { // returns a function that sets the text, squeezed if it is too wide for the box
  const node = element.firstChild ?? element.appendChild(document.createTextNode(""));
  const isTitle = element.matches(".title"), beside = isTitle ? 44 : 12; // a title has the mark at its side
  let squeezed = false, width;
  set(element, { lengthAdjust: "spacingAndGlyphs" });
  return (text = node.data) => {
    if (text === node.data && width === box.width) return;
    node.data = text;
    width = box.width;
    pen.font = `${isTitle ? "bold " : ""}16px Helvetica, Arial, "Noto Sans", sans-serif`;
    const wide = pen.measureText(text).width > width - beside;
    if (wide) set(element, { textLength: width - beside });
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
    if (text !== arrow.text) arrow.write((arrow.text = text));
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

const least = () => (innerWidth <= 560 ? LEAST_ON_A_PHONE : LEAST);
const fittingScale = () => Math.min(stage.clientWidth / (width + 8), stage.clientHeight / (view.size[1] + 36));
function sized() {
  set(svg, { width: width * scale, height: (view.size[1] + 28) * scale });
}
function zoom(to) { zoomed = true; scale = Math.min(4, Math.max(0.02, to)); sized(); follow(); }
function fitted() {
  const full = columns.reduce((sum, [left, right]) => sum + right - left, 0), gaps = view.size[0] - full;
  const missing = view.size[0] + 8 - stage.clientWidth / least();
  condense(boxes.size > 60 ? 0 : Math.max(0, Math.min(1, missing / (BOX_SHARE * full + GAP_SHARE * gaps))));
  scale = Math.max(least(), Math.min(2.4, fittingScale()));
  sized();
}
function refit() {
  if (!zoomed) fitted();
  follow();
}
// Where the picture is too wide, its columns and, more than these, the gaps between them become narrower; `across` is
// where a place of the layout is then.
const BOX_SHARE = 0.17, GAP_SHARE = 0.65;
function condense(to) { // from 0, as in the layout, to 1
  if (to === condensed) return;
  condensed = to;
  const marks = [[0, 0]]; // places of the layout, from the left, and where they are now
  const add = (place, share) => marks.push([place, marks.at(-1)[1] + (place - marks.at(-1)[0]) * (1 - share * to)]);
  for (const [left, right] of columns) { add(left, GAP_SHARE); add(right, BOX_SHARE); }
  add(view.size[0], GAP_SHARE);
  width = marks.at(-1)[1];
  across = x => {
    const i = Math.max(1, marks.findIndex(([place]) => place >= x)), [[a, from], [b, end]] = [marks[i - 1], marks[i]];
    return b > a ? from + ((end - from) * (x - a)) / (b - a) : end;
  };
  set(svg, { viewBox: `0 -20 ${width} ${view.size[1] + 28}` });
  for (const box of boxes.values()) {
    const left = across(box.given - box.wide / 2), right = across(box.given + box.wide / 2);
    box.x = (left + right) / 2;
    box.width = right - left;
    set(box.g, { transform: `translate(${box.x} ${box.y})` });
    for (const rect of box.g.querySelectorAll("rect")) set(rect, { x: -box.width / 2, width: box.width });
    set(box.g.querySelector(".mark"), { x: box.width / 2 - 5 });
    for (const kind in box.texts) box.texts[kind]();
  }
  for (const { path, label, gap, write, curve, x } of arrows) {
    set(path, { d: to ? curve.replace(/([\d.]+),/g, (_, place) => `${across(Number(place)).toFixed(1)},`) : curve });
    const i = columns.findIndex(([left]) => left > x), isBetween = i > 0 && columns[i - 1][1] < x;
    const [from, end] = isBetween ? [columns[i - 1][1], columns[i][0]].map(across) : [-Infinity, Infinity];
    const half = Math.min(32, (end - from) / 2); // a label keeps to its gap
    set(label, { x: Math.max(from + half, Math.min(end - half, across(x))) });
    gap.width = end - from + 8;
    write();
  }
}
let followed = [];
function follow(these = followed) { // what changes, with the result if there is room for both
  const result = boxes.get(boxOf[ROOT]);
  followed = these;
  inView([...these, result], these, these.slice(0, 1));
}
function inView(...groups) { // the first group of boxes that there is room for, or the last
  const { scrollLeft, scrollTop, clientWidth, clientHeight } = stage;
  const edge = (some, at, size, side) => Math.max(...some.map(box => side * box[at] + box[size] / 2)) * side * scale + 12 * side;
  const edges = some => [edge(some, "x", "width", -1), edge(some, "x", "width", 1), edge(some, "y", "height", -1) + 20 * scale - 12, edge(some, "y", "height", 1) + 20 * scale];
  const found = groups.filter(some => some.length).map(edges);
  const [left, right, top, bottom] = found.find(([a, b, c, d]) => b - a <= clientWidth && d - c <= clientHeight) ?? found.at(-1);
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
