// The two passes, as stops in the order in which the boxes of a view fire, and the state after each stop.
//
// In the forward pass every box that computes something makes one stop. In the backward pass an operation makes a stop
// for each arrow that it sends along, and a folded module one for all that it sends, inside it and out of it.

const messages = []; // every contribution, in the order in which the engine sends them
(G.firing ?? [...G.names.keys()].reverse()).forEach((node, firing) => {
  G.parents[node].forEach((parent, operand) => {
    if (!isConstant(parent)) messages.push({ node, operand, parent, firing, index: messages.length });
  });
});
const expected = new Int32Array(N), sentBy = G.names.map(() => []);
for (const operands of G.parents) for (const parent of operands) expected[parent]++;
for (const message of messages) sentBy[message.node].push(message);

const moduleOf = id => G.modules[-1 - id];
const dataRow = id => (id < 0 ? `out ${shown(numbers.values[moduleOf(id).outputs[0]])}` : `${isConstant(id) ? "" : "data "}${shown(numbers.values[id])}`);
const nodesIn = id => (id >= 0 ? [id] : moduleOf(id).nodes);

function boxesOf(view) { // the box that each node is in
  const boxOf = new Int32Array(N);
  for (const [id] of view.boxes) for (const node of nodesIn(id)) boxOf[node] = id;
  return boxOf;
}
function arrowId(boxOf, { node, operand, parent }) {
  const box = boxOf[node], to = boxOf[parent];
  return box >= 0 && to >= 0 ? `a${to}_${box}_${operand}` : `a${to}_${box}`;
}
function stopsOf(view) {
  const boxOf = boxesOf(view), stops = [{ kind: "start", nodes: [], sent: [] }];
  for (const [box] of view.boxes) {
    const nodes = nodesIn(box).filter(node => G.parents[node].length);
    if (nodes.length) stops.push({ kind: "forward", box, nodes, sent: [] });
  }
  stops.push({ kind: "seed", box: boxOf[ROOT], nodes: [], sent: [] });
  const backward = (box, sent) => stops.push({ kind: "backward", box, nodes: [], sent });
  if (G.firing) messages.forEach(message => backward(message.node, [message]));
  else for (const [box] of [...view.boxes].reverse()) {
    const groups = new Map();
    for (const message of [...nodesIn(box)].reverse().flatMap(node => sentBy[node])) {
      const arrow = box >= 0 ? arrowId(boxOf, message) : "all";
      if (groups.has(arrow)) groups.get(arrow).push(message);
      else groups.set(arrow, [message]);
    }
    for (const sent of groups.values()) backward(box, sent);
  }
  return stops;
}

function stateAfter(stops, k) {
  const state = {
    known: new Uint8Array(N), gradient: new Float64Array(N), has: new Uint8Array(N), received: new Int32Array(N),
    fired: new Int32Array(N), early: new Map(), sent: new Uint8Array(messages.length), started: false,
  };
  for (const node of G.names.keys()) if (!G.parents[node].length) state.known[node] = 1;
  for (const stop of stops.slice(0, k + 1)) {
    for (const node of stop.nodes) state.known[node] = 1;
    for (const { index } of stop.sent) state.sent[index] = 1;
    if (stop.kind === "seed") { state.started = true; state.gradient[ROOT] = 1; state.has[ROOT] = 1; }
  }
  let last = -1;
  for (const { node, operand, parent, firing, index } of messages) {
    if (!state.sent[index]) continue;
    if (firing !== last) {
      if (state.received[node] < expected[node] && !state.early.has(node)) state.early.set(node, state.received[node]);
      state.fired[node]++;
      last = firing;
    }
    const product = times(state.gradient[node], numbers.locals[node][operand]);
    state.gradient[parent] = G.assigned ? product : state.gradient[parent] + product;
    state.has[parent] = 1;
    state.received[parent]++;
  }
  return state;
}
const complete = (state, node) => state.started && (node === ROOT || (expected[node] > 0 && state.received[node] >= expected[node]));

function sameState(state, to) { // the last of these stops by which nothing has happened that is not in the state
  const had = ({ kind, nodes, sent }) => nodes.every(node => state.known[node]) && sent.every(({ index }) => state.sent[index]) && (kind !== "seed" || state.started);
  const next = to.findIndex(stop => !had(stop));
  return (next < 0 ? to.length : next) - 1;
}
