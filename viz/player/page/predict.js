// Predicting: a stop that sends one contribution hides the local derivative, and all that follows from it, until the
// local derivative has been typed or its answer has been asked for. Nothing goes on by itself meanwhile.

let predicting = false, asking = false, missed = false; // a question is open; it has been answered wrongly before
const score = { right: 0, asked: 0 };

const question = make(line, "form", { id: "question", hidden: "" });
const asked = make(question, "label", { for: "answer", id: "asked" });
const typed = make(question, "input", { id: "answer", type: "text", autocomplete: "off", size: 9, "aria-describedby": "verdict" });
make(question, "button", { type: "submit", id: "check" }, W.check);
button(question, "reveal", W.reveal, W.reveal, () => settle(false));
const scored = make(question, "span", { id: "score" });
const verdict = make(line, "ul", { id: "verdict", role: "status", hidden: "" });
on(question, "submit", event => { event.preventDefault(); answer(typed.value); });

function asks(stop) {
  return predicting && stop.kind === "backward" && stop.box >= 0 && stop.sent.length === 1 && isFinite(localOf(stop));
}
const localOf = ({ sent: [message] }) => localAt(message);

function ask() { // the question of this stop, if it has one
  asking = asks(stops[passes.at]);
  missed = false;
  typed.value = "";
  verdict.replaceChildren();
}
function suspects(stop) { // what the common mistakes give in place of the local derivative
  const [{ node, operand, parent }] = stop.sent, local = localOf(stop);
  const upstream = stateAfter(stops, passes.at - 1).gradient[node], values = numbers.values;
  const wrong = RULES[G.rules[node]]?.wrong ?? {};
  const found = Object.keys(G.hints).filter(name => name in wrong)
    .map(name => [name, wrong[name](values[node], ...operandsOf(node, values))[operand]]);
  const other = [["total", tangents(parent)[node]], ["upstream", upstream], ["data", values[parent]]];
  return [[...found, ["sign", -local], ["upstream included", times(upstream, local)]], other];
}
function answer(given) {
  const stop = stops[passes.at], [known, other] = suspects(stop), local = localOf(stop);
  let { state, causes } = judge(given, local, known);
  if (causes[0] === "unknown") ({ causes } = judge(given, local, other));
  if (state === "right") return settle(true);
  if (state === "wrong" && !missed) {
    missed = true;
    score.asked++;
  }
  verdict.replaceChildren();
  for (const cause of causes) make(verdict, "li", {}, G.hints[cause] ?? W.hints[cause]);
  typed.select();
  show();
}
function settle(right) {
  if (!asking) return;
  if (!missed) {
    score.asked++;
    if (right) score.right++;
  }
  asking = false;
  verdict.replaceChildren();
  const gone = document.activeElement?.closest("#question");
  show();
  if (right) make(verdict, "li", { class: "right" }, W.right);
  verdict.hidden = !right;
  if (gone) document.activeElement.blur();
}
function showQuestion() {
  question.hidden = !predicting;
  verdict.hidden = !verdict.children.length;
  for (const part of question.children) part.hidden = part !== scored && !asking;
  scored.textContent = score.asked ? filled(W.score, score) : W.unanswered;
  asked.textContent = "";
  if (!asking) return;
  const [{ node, parent }] = stops[passes.at].sent;
  asked.textContent = W.rule; // of this one operation: ∂e/∂b may be a gradient, too
  writeMath(math(asked), [seenName(node), seenName(parent)], "=");
}
