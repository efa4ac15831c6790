// Drives along a road, seen from above, with what the camera sees in the middle.
let now = 0;
const bar = element("nav");
const play = button(bar, "play", () => go(!time.running));
button(bar, "again", () => { now = 0; draw(); go(true); });
const who = element("select", { "aria-label": "who drives" }, bar);
for (const [i, { name }] of data.drives.entries()) element("option", { value: i }, who, name);
who.addEventListener("change", () => { now = 0; draw(); go(true); });
const count = element("output", {}, bar);

const xs = data.middle.map(([x]) => x), ys = data.middle.map(([, y]) => -y), edge = 0.8;
const left = Math.min(...xs) - edge, upper = Math.min(...ys) - edge;
const width = Math.max(...xs) - left + edge, height = Math.max(...ys) - upper + edge;
const svg = element("svg", { viewBox: `${left} ${upper} ${width} ${height}`, role: "img",
  "aria-label": "a car on a road" });
const line = (points) => `M${points.map(([x, y]) => `${x} ${-y}`).join("L")}`;
element("path", { d: `${line(data.middle)}Z`, fill: "none", stroke: "var(--road)", "stroke-width": 2 * data.half }, svg);
for (const tunnel of data.tunnels)
  element("path", { d: line(tunnel), fill: "none", stroke: "var(--tunnel)", "stroke-width": 2 * data.half }, svg);
element("path", { d: `${line(data.middle)}Z`, fill: "none", stroke: "var(--ink)", "stroke-width": 0.03,
  "stroke-dasharray": "0.15 0.15" }, svg);
const trace = element("path", { fill: "none", stroke: "var(--orange)", "stroke-width": 0.06 }, svg);
const car = element("polygon", { points: "0.24,0 -0.16,0.14 -0.16,-0.14", fill: "var(--blue)",
  stroke: "var(--ground)", "stroke-width": 0.03 }, svg);
const seen = data.drives[0].log[0][3].length, size = 0.2, x = left + width / 2, y = upper + height / 2;
element("text", { x, y: y - 0.2, fill: "var(--ink)", "font-size": 0.5, "text-anchor": "middle" }, svg, "the camera");
const dots = Array.from({ length: seen }, (_, i) => element("rect",
  { x: x + size * (i - seen / 2), y, width: size, height: 3 * size, stroke: "var(--soft)",
    "stroke-width": 0.02 }, svg));

function draw() {
  const { log, left: gone } = data.drives[who.value], [x, y, heading, seen] = log[now];
  car.setAttribute("transform", `translate(${x} ${-y}) rotate(${-heading * 180 / Math.PI})`);
  trace.setAttribute("d", line(log.slice(0, now + 1)));
  for (const [i, dot] of dots.entries()) { // the leftmost dot of the camera is the last
    const grey = Math.round(Math.min(255, Math.max(0, 128 + 110 * seen[seen.length - 1 - i])));
    dot.setAttribute("fill", `rgb(${grey},${grey},${grey})`);
  }
  const over = now === log.length - 1;
  count.textContent = `${(now / 10).toFixed(1)} s${over ? (gone ? ": off the road" : ": arrived") : ""}`;
  if (over) go(false);
}

function go(on) {
  if (on && now === data.drives[who.value].log.length - 1) now = 0;
  time.run(on);
  play.textContent = on ? "pause" : "play";
}

const time = clock(0.05, () => { now = Math.min(now + 1, data.drives[who.value].log.length - 1); }, draw);
draw();
