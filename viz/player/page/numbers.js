// The data of the page. Its numbers are as Python computed them, or computed here with `RULES`, the graph's rules as
// functions; null stands for one that could not be translated.

const G = JSON.parse(document.querySelector("#data").textContent);
const W = G.words;
const N = G.names.length, ROOT = N - 1;
const given = { values: G.values.map(decoded), locals: G.locals.map(row => row.map(decoded)) };
let numbers = given;
const moved = new Map(); // leaf -> the number that its slider has given it
const isConstant = node => G.roles[node] === "constant";
const ofRole = role => [...G.names.keys()].filter(node => node !== ROOT && G.roles[node] === role);
const inputs = ofRole("input"), parameters = ofRole("parameter"), leaves = [...inputs, ...parameters];
const nameOf = node => plain(G.names[node]);
const ROOT_NAME = nameOf(ROOT);
const unknown = G.rules.findIndex(rule => rule >= 0 && RULES[rule] === null); // its rule cannot be computed here

function evaluated(changes) { // all values, if these leaves have these numbers
  const values = given.values.slice();
  for (const [leaf, value] of changes) values[leaf] = value;
  for (const node of G.names.keys()) {
    if (G.rules[node] >= 0) values[node] = RULES[G.rules[node]].value(...operandsOf(node, values));
  }
  return values;
}
const operandsOf = (node, values) => G.parents[node].map(parent => values[parent]);
function recompute() {
  if (moved.size === 0) { numbers = given; return; }
  const values = evaluated(moved);
  const locals = given.locals.map((row, node) =>
    (G.rules[node] < 0 ? row : RULES[G.rules[node]].partials(values[node], ...operandsOf(node, values))));
  numbers = { values, locals };
}
const localAt = ({ node, operand }) => numbers.locals[node][operand];
const times = (upstream, local) => (upstream === 0 ? 0 : upstream * local); // where 0 arrives, 0 is sent on

function gradients() { // of the root, with respect to every node
  const gradient = new Float64Array(N);
  gradient[ROOT] = 1;
  for (let node = ROOT; node >= 0; node--) {
    G.parents[node].forEach((parent, i) => { gradient[parent] += times(gradient[node], numbers.locals[node][i]); });
  }
  return gradient;
}
function tangents(leaf) { // the derivative of every node with respect to one
  const tangent = new Float64Array(N);
  tangent[leaf] = 1;
  for (const node of G.names.keys()) {
    G.parents[node].forEach((parent, i) => { tangent[node] += times(tangent[parent], numbers.locals[node][i]); });
  }
  return tangent;
}
