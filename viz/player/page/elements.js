// Small functions for elements, numbers and words. The pages of training runs and of practice have them too.

const SVG = "http://www.w3.org/2000/svg", MATH = "http://www.w3.org/1998/Math/MathML";

function make(parent, tag, attributes = {}, text = "") {
  const space = parent.namespaceURI === SVG || tag === "svg" ? SVG : parent.namespaceURI === MATH || tag === "math" ? MATH : null;
  const element = space ? document.createElementNS(space, tag) : document.createElement(tag);
  set(element, attributes);
  if (text !== "") element.textContent = text;
  return parent.appendChild(element);
}
const div = (parent, id, more) => make(parent, "div", { id, ...more });
function set(element, attributes) { for (const name in attributes) element.setAttribute(name, attributes[name]); }
const on = (target, event, act) => target.addEventListener(event, act);
const byId = id => document.getElementById(id);
function button(parent, id, sign, label, action) {
  const element = make(parent, "button", { id, type: "button", title: label, "aria-label": label }, sign);
  on(element, "click", ({ detail }) => {
    if (detail > 0) element.blur(); // after a click, the keys control the player again
    action();
  });
  return element;
}
function choice(parent, id, label, options, action) { // options: [value, text]
  const select = make(make(parent, "label", {}, `${label} `), "select", { id });
  for (const [value, text] of options) make(select, "option", { value }, text);
  on(select, "change", () => action(Number(select.value)));
  return select;
}

function addRow(table, term, kind = "") { // a row of a table; returns its cell
  const row = make(table, "tr", { class: kind });
  make(row, "th", { scope: "row" }, term);
  return make(row, "td");
}

const plain = text => text.replace(/[\u0000-\u001f\u007f]/g, " ");
const filled = (words, values) => words.replace(/\{(\w+)\}/g, (_, name) => values[name]);
const decoded = x => (typeof x === "string" ? { inf: Infinity, "-inf": -Infinity, nan: NaN }[x] : x);
const same = (x, y) => x === y || (x !== x && y !== y) || Math.abs(x - y) <= 1e-9 * Math.max(Math.abs(x), Math.abs(y));

function shown(x) { // four digits, as Python's %.4g
  if (!isFinite(x)) return Number.isNaN(x) ? "nan" : x > 0 ? "inf" : "-inf";
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
