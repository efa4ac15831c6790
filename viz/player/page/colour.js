// Boxes coloured by the sign and the size of their gradient, on the scale of the other pictures: these two functions are
// `gradient_shade` and `gradient_limit` in viz/graph/palette.py, and a test compares them.

const shade = (x, limit) => (x ? Math.sign(x) * Math.min(1, Math.max(0, 1 + Math.log10(Math.abs(x) / limit) / 3)) : 0);
const limitOf = largest => (largest > 0 ? 10 ** Math.ceil(Math.log10(largest)) : 1);

let colouring = false;
const legend = div(main, "legend", { hidden: "" });
main.insertBefore(legend, panel);

const shadeOf = (x, limit, norm = false) =>
  `color-mix(in srgb, var(--${norm ? "norm" : x < 0 ? "negative" : "positive"}) ${(100 * Math.abs(shade(x, limit))).toFixed(1)}%, var(--zero))`;
function fills(state) { // the colour of each box
  legend.hidden = !colouring;
  if (!colouring) return () => "";
  const sizeOf = id => (id >= 0 ? state.gradient[id] : normOf(state, moduleOf(id)));
  const shades = [...boxes.keys()].filter(id => id < 0 || !isConstant(id)).map(sizeOf);
  const limit = limitOf(Math.max(0, ...shades.map(Math.abs).filter(Number.isFinite)));
  const sizes = [-limit, -limit / 10, -limit / 100, 0, limit / 100, limit / 10, limit], norm = [...boxes.keys()].some(id => id < 0);
  legend.replaceChildren();
  const row = (name, some, ofNorm) => {
    const group = make(legend, "span", { class: "scale" });
    make(group, "b", {}, name);
    for (const x of some) make(group, "span", {}, shown(x)).style.background = shadeOf(x, limit, ofNorm);
  };
  row("grad", sizes, false);
  if (norm) row("‖grad‖", sizes.slice(3), true);
  return id => (id >= 0 && isConstant(id) ? "" : shadeOf(sizeOf(id), limit, id < 0));
}
const normOf = (state, { parameters }) => Math.hypot(...parameters.map(node => state.gradient[node]));
