// What all scenes share: elements, buttons, and a clock that ticks the same on every screen.
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);

function element(name, attributes = {}, parent = main, text = "") {
  const svg = ["svg", "g", "path", "line", "circle", "rect", "polygon", "text"].includes(name);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  parent.append(made);
  return made;
}

const main = element("main", {}, document.body);
element("h1", {}, main, document.title);  // to be heard, not seen

function button(parent, text, act) {
  const made = element("button", { type: "button" }, parent, text);
  made.addEventListener("click", act);
  return made;
}

// A network: every layer but the last through tanh.
function think(layers, x) {
  return layers.reduce((row, { weight, bias }, i) => {
    const sums = weight.map((w, j) => w.reduce((sum, each, k) => sum + each * row[k], bias[j]));
    return i < layers.length - 1 ? sums.map(Math.tanh) : sums;
  }, x);
}

// Calls step() every so many seconds, and draw() after it, while it runs.
function clock(seconds, step, draw) {
  let running = false, due = 0;
  function frame(now) {
    if (!running) return;
    for (due = Math.max(due, now - 100); due <= now; due += 1000 * seconds) step();
    draw();
    requestAnimationFrame(frame);
  }
  return {
    get running() { return running; },
    run(on) {
      if (on && !running) { due = performance.now(); requestAnimationFrame(frame); }
      running = on;
    },
  };
}
