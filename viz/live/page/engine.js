// Numbers that remember how they were made: engine/value.py, and what a page needs of engine/functions.py and nn.
//
// The rules are not written here: `TABLE` has their values and partials, translated from the engine's table.

class Trouble extends Error { // something that is wrong with what was typed; `kind` is the sentence that says so
  constructor(kind, values = {}) {
    super(kind);
    Object.assign(this, { kind, values });
  }
}
function trouble(kind, values) { throw new Trouble(kind, values); }

const known = new Map();
function entryOf(at, constants) { // a rule's value and partials; of a family, the member with these constants
  const key = [at, ...constants].join();
  if (!known.has(key)) known.set(key, typeof TABLE[at] === "function" ? TABLE[at](...constants) : TABLE[at]);
  return known.get(key);
}
function placeOf(name, [n]) { // in the table, which has x**0, x**2 and x**0.5 as different kinds
  const kind = name !== "power" || n === 0 ? 0 : Number.isInteger(n) && Math.abs(n) < 2 ** 53 ? 1 : 2;
  return board.rules[name].at + kind;
}
const ruleOf = (name, constants) => entryOf(placeOf(name, constants), constants);
const SYMBOLS = { power: n => `**${sixDigits(n)}`, select: i => `[${i}]` };
function sixDigits(x) { // as Python's %g
  const [digits, exponent] = x.toExponential(5).split("e").map(Number);
  if (exponent >= -4 && exponent < 6) return String(Number(x.toPrecision(6)));
  return `${digits}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

const isNode = x => x?.parents !== undefined;
let line = 0, made = 0; // the line of the text that is being read; how many nodes there are
const MOST_NODES = 1500;
function leaf(value, role, label = "") {
  return { rule: "", constants: [], value, parents: [], role, label, op: "", line };
}
function apply(name, xs, constants = []) {
  const rule = ruleOf(name, constants);
  for (const x of xs) if (typeof x !== "number" && !isNode(x)) trouble("notANumber", { what: described(x) });
  if (xs.every(x => typeof x === "number")) return rule.value(...xs);
  if (++made > MOST_NODES) trouble("tooLarge", { count: MOST_NODES });
  const parents = xs.map(x => (isNode(x) ? x : leaf(x, "constant")));
  const value = rule.value(...parents.map(parent => parent.value));
  return { rule: name, constants, value, parents, role: "operation", label: "", op: SYMBOLS[name]?.(...constants) ?? board.rules[name].op, line };
}
const described = x => (Array.isArray(x) ? "[…]" : x?.call ? x.label || x.kind : x?.name ?? String(x));

const INFIX = { "+": "add", "-": "sub", "*": "mul", "/": "div", "%": "mod", "**": "pow" };
function binary(sign, x, y) {
  if (sign === "+" && x === 0 && isNode(y)) return y; // as sum() begins
  if (sign === "**" && isNode(x) && typeof y === "number") return apply("power", [x], [y]);
  return apply(INFIX[sign], [x, y]);
}
const negative = x => apply("neg", [x]);

// ---- Functions. Those of a fixed number of operands are in `board.functions`, by the names of their rules.

const someOf = (name, xs) => (Array.isArray(xs) && xs.length ? xs : trouble("takesList", { name }));
const numberOf = (name, x) => (typeof x === "number" ? x : trouble("takesNumber", { name }));
const ofMany = (name, rule) => xs => apply(rule, someOf(name, xs));
const each = (name, rule) => xs => someOf(name, xs).map((_, i) => apply(rule, xs, [i]));
const FUNCTIONS = {
  sum: ofMany("sum", "total"), mean: ofMany("mean", "mean"), max: ofMany("max", "largest"), min: ofMany("min", "smallest"),
  logsumexp: ofMany("logsumexp", "logsumexp"), softmax: each("softmax", "softmax"), log_softmax: each("log_softmax", "log_softmax"),
  dot(ws, xs, bias) {
    if (someOf("dot", ws).length !== someOf("dot", xs).length) trouble("sizes", { name: "dot", expected: ws.length, given: xs.length });
    return apply("dot", [...ws, ...xs, ...(bias === undefined ? [] : [bias])]);
  },
  where: (condition, x, y) => apply("where", [condition, x, y]),
  select(xs, i) {
    const at = isNode(i) ? i.value : i;
    if (!(Number.isInteger(at) && at >= 0 && at < someOf("select", xs).length)) trouble("index", { size: xs.length });
    return isNode(i) ? apply("gather", [i, ...xs]) : apply("select", [xs[i]], [i]);
  },
  leaky_relu: (x, slope = 0.01) => apply("leaky_relu", [x], [numberOf("leaky_relu", slope)]),
  clamp(x, low = -Infinity, high = Infinity) {
    if (!(numberOf("clamp", low) <= numberOf("clamp", high))) trouble("clamp", { low, high });
    return apply("clamp", [x], [low, high]);
  },
  neuron: (nin, activation, options) => neuron(nin, activation, options),
  mlp: (nin, nouts, activation, options) => mlp(nin, nouts, activation, options),
  parameter: (x, options) => leaf(numberOf("parameter", x), "parameter", options.label ?? ""),
  Value: (x, options) => leaf(numberOf("Value", x), options.role ?? "input", options.label ?? ""),
  mse_loss: (outputs, targets) => loss("mse_loss", outputs, targets, (p, t) => binary("**", binary("-", asNode(p), t), 2)),
  l1_loss: (outputs, targets) => loss("l1_loss", outputs, targets, (p, t) => apply("absolute", [binary("-", asNode(p), t)])),
  hinge_loss: (outputs, targets) => loss("hinge_loss", outputs, targets, (score, target) => {
    const t = isNode(target) ? binary("/", target, apply("equal", [binary("*", target, target), 1])) : target;
    return apply("relu", [binary("-", 1, binary("*", asNode(score), t))]);
  }),
};
const LISTS = ["sum", "mean", "max", "min", "logsumexp", "softmax", "log_softmax"];
const ARGUMENTS = { // how many there are, at least and at most; after them come those with names
  ...Object.fromEntries(LISTS.map(name => [name, [1, 1]])), dot: [2, 3], where: [3, 3], select: [2, 2], leaky_relu: [1, 2], clamp: [1, 3],
  neuron: [1, 2], mlp: [2, 3], parameter: [1, 1], Value: [1, 1], mse_loss: [2, 2], l1_loss: [2, 2], hinge_loss: [2, 2],
};
const OPTIONS = { neuron: "fused seed", mlp: "fused seed", parameter: "label", Value: "label role" };
const asNode = x => (typeof x === "number" ? leaf(x, "constant") : x);
function loss(name, outputs, targets, one) {
  const [os, ts] = [outputs, targets].map(tree => [tree].flat(Infinity));
  if (os.length !== ts.length || !os.length) trouble("sizes", { name, expected: os.length, given: ts.length });
  const losses = os.map((output, i) => one(output, ts[i]));
  return losses.length === 1 ? losses[0] : apply("mean", losses);
}

// ---- Networks: nn/layers/dense.py.

const ACTIVATIONS = ["linear", "relu", "leaky_relu", "elu", "gelu", "silu", "softplus", "sigmoid", "tanh"];
const activate = (name, x) => (name === "linear" ? x : FUNCTIONS[name] ? FUNCTIONS[name](x) : apply(name, [x]));
function activationOf(given = "relu") {
  const name = given?.name ?? given;
  return ACTIVATIONS.includes(name) ? name : trouble("activation", { names: ACTIVATIONS.join(", ") });
}
const sizeOf = (name, n) => (Number.isInteger(n) && n > 0 && n <= 64 ? n : trouble("size", { name }));
let modules = 0; // so far, in this text
function draws(seed) { // numbers from -1 to 1 that look random, the same for the same seed (mulberry32, T. Ettinger)
  let state = (seed * 1000 + ++modules) | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 31 - 1;
  };
}
function oneNeuron(nin, activation, fused, draw, label) {
  const bound = ({ linear: 1, sigmoid: 1, tanh: 5 / 3 }[activation] ?? Math.sqrt(2)) * Math.sqrt(3 / nin);
  const start = () => Math.round(100 * bound * draw()) / 100 + 0; // two digits, for the blackboard; and 0 rather than -0
  const w = Array.from({ length: nin }, (_, i) => leaf(start(), "parameter", `w${i}`)), b = leaf(0, "parameter", "b");
  const own = { label, w, b, parameters: [...w, b] };
  own.name = to => { own.label = to; for (const p of own.parameters) p.label = `${to}.${p.label}`; };
  if (label) own.name(label);
  own.call = xs => {
    const total = fused ? apply("dot", [...w, ...xs, b]) : w.reduce((sum, weight, i) => binary("+", sum, binary("*", weight, xs[i])), b);
    const out = activate(activation, total);
    if (own.label) out.label = own.label;
    return out;
  };
  return own;
}
function rowOf(module, xs) { // what a module is called with, as inputs
  const row = xs.length === 1 && Array.isArray(xs[0]) ? xs[0] : xs;
  if (row.length !== module.nin) trouble("inputs", { name: module.label || module.kind, expected: module.nin, given: row.length });
  return row.map(x => (typeof x === "number" ? leaf(x, "input") : isNode(x) ? x : trouble("notANumber", { what: described(x) })));
}
function neuron(nin, given, { fused = true, seed = 0 } = {}) {
  const activation = activationOf(given), one = oneNeuron(sizeOf("neuron", nin), activation, fused, draws(seed), "");
  const module = { kind: "neuron", seed, nin, label: "", parameters: one.parameters, name: one.name, call: (...xs) => one.call(rowOf(module, xs)) };
  return module;
}
function mlp(nin, nouts, given, { fused = true, seed = 0 } = {}) {
  const sizes = [sizeOf("mlp", nin), ...someOf("mlp", nouts).map(n => sizeOf("mlp", n))], activation = activationOf(given), draw = draws(seed);
  const layers = pairwise(sizes).map(([from, to], i) => Array.from({ length: to }, (_, k) =>
    oneNeuron(from, i === sizes.length - 2 ? "linear" : activation, fused, draw, `L${i}.n${k}`)));
  const module = { kind: "mlp", seed, nin, label: "", parameters: layers.flat().flatMap(({ parameters }) => parameters), name() {} };
  module.call = (...xs) => {
    const outs = layers.reduce((row, layer) => layer.map(one => one.call(row)), rowOf(module, xs));
    return outs.length === 1 ? outs[0] : outs;
  };
  return module;
}
