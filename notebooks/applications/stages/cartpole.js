// A pole on a cart, its physics as in the notebook, and whoever balances it. Pushes come from those who watch.
const { G, CART, POLE, HALF, FORCE, TAU } = data.physics, EDGE = 2.4, LEAN = 12 * Math.PI / 180;
let state, steps, push, fallen;

const bar = element("nav");
const play = button(bar, "play", () => go(!time.running));
button(bar, "← push", () => { go(true); push -= 1; });
button(bar, "push →", () => { go(true); push += 1; });
button(bar, "again", () => { begin(); go(true); });
const who = element("select", { "aria-label": "who balances" }, bar);
for (const [i, { name }] of data.policies.entries()) element("option", { value: i }, who, name);
who.addEventListener("change", () => { begin(); go(true); });
const count = element("output", {}, bar);
const svg = element("svg", { viewBox: "-3 -1.35 6 1.75", role: "img", "aria-label": "a pole on a cart" });
element("line", { x1: -3, x2: 3, y1: 0.21, y2: 0.21, stroke: "var(--soft)", "stroke-width": 0.02 }, svg);
for (const x of [-EDGE, EDGE])
  element("line", { x1: x, x2: x, y1: 0.1, y2: 0.32, stroke: "var(--soft)", "stroke-width": 0.04 }, svg);
const cart = element("g", {}, svg);
element("rect", { x: -0.25, y: 0, width: 0.5, height: 0.2, rx: 0.04, fill: "var(--blue)" }, cart);
const pole = element("line",
  { x1: 0, y1: 0, x2: 0, y2: -1, stroke: "var(--orange)", "stroke-width": 0.08, "stroke-linecap": "round" }, cart);

function step() {
  if (fallen) return;
  let [x, v, lean, turn] = state;
  turn += push * 0.9; // a tap on the pole
  push = 0;
  const force = FORCE * Math.tanh(think(data.policies[who.value].layers, [x, v, lean, turn])[0]);
  const all = CART + POLE, t = (force + POLE * HALF * turn * turn * Math.sin(lean)) / all;
  const bend = (G * Math.sin(lean) - Math.cos(lean) * t) / (HALF * (4 / 3 - POLE * Math.cos(lean) ** 2 / all));
  const speeding = t - POLE * HALF * bend * Math.cos(lean) / all;
  state = [x + TAU * v, v + TAU * speeding, lean + TAU * turn, turn + TAU * bend];
  steps += 1;
  fallen = Math.abs(state[0]) > EDGE || Math.abs(state[2]) > LEAN;
}

function draw() {
  cart.setAttribute("transform", `translate(${state[0]} 0)`);
  pole.setAttribute("transform", `rotate(${state[2] * 180 / Math.PI})`);
  count.textContent = `${(steps * TAU).toFixed(1)} s${fallen ? ": fallen" : ""}`;
  if (fallen) go(false);
}

function begin() {
  [state, steps, push, fallen] = [[...data.start], 0, 0, false];
  draw();
}

function go(on) {
  if (on && fallen) begin();
  time.run(on);
  play.textContent = on ? "pause" : "play";
}

const time = clock(TAU, step, draw);
begin();
