// The page: the text, what it says of it, the player in a frame, and the link.
//
// The frame shows this same file again, with a graph in place of the page's data: so there is one copy of the player,
// and the page's content security policy holds in the frame too.

function chalkboard() {
  const head = document.head.outerHTML, script = document.currentScript.textContent;
  let words, lang = board.lang, weights = Object.create(null), address = "", current = null, steps = 0, timer = null;

  const main = make(document.body, "main", { class: "board" });
  const heading = make(main, "h1", { class: "spoken" });
  const writing = div(main, "writing"), said = div(main, "said", { role: "status" }), place = div(main, "player");
  const codeLabel = make(writing, "label", { for: "code", class: "spoken" });
  const code = make(writing, "textarea", { id: "code", spellcheck: "false", autocapitalize: "off", autocomplete: "off", wrap: "off", "aria-describedby": "said" });
  const choices = div(writing, "choices"), choosing = make(choices, "div"), learning = make(choices, "div"), buttons = make(choices, "div");
  const labelled = (parent, id) => {
    const label = make(parent, "label");
    return { text: make(label, "span"), select: make(label, "select", { id }) };
  };
  const pressed = (parent, id, act) => { const one = make(parent, "button", { id, type: "button" }); on(one, "click", act); return one; };
  const examples = labelled(choosing, "examples"), backward = labelled(choosing, "backward");
  const descendButton = pressed(learning, "descend", descend), rateLabel = make(learning, "label"), rateText = make(rateLabel, "span");
  const rate = make(rateLabel, "input", { id: "rate", type: "text", inputmode: "decimal", size: 5, autocomplete: "off" });
  const descended = make(learning, "output", { id: "descended" });
  const language = labelled(buttons, "language"), copyButton = pressed(buttons, "copy", copy), themeButton = pressed(buttons, "theme", theme.switch);
  themeButton.textContent = "◐";
  if (location.protocol === "about:") copyButton.hidden = true; // in a notebook there is no address to copy

  const narrow = matchMedia("(max-width: 820px)");

  function options(select, entries, value) {
    select.replaceChildren();
    for (const [key, text] of entries) make(select, "option", { value: key }, text);
    select.value = value;
  }
  function speak(to) { // this language
    const order = backward.select.value;
    words = board.words[(lang = Object.hasOwn(board.words, to) ? to : "en")];
    document.documentElement.lang = lang;
    heading.textContent = document.title = words.title;
    codeLabel.textContent = words.code;
    descendButton.textContent = words.descend;
    rateText.textContent = words.rate;
    copyButton.textContent = words.copy;
    set(themeButton, { title: words.theme, "aria-label": words.theme });
    for (const [{ text }, name] of [[examples, "examples"], [backward, "backward"], [language, "language"]]) text.textContent = words[name];
    options(examples.select, [["", "…"], ...Object.entries(words.learn)], "");
    const orders = { "": "topological", "=": "assign", "naive recursion": "naive", "depth-first": "depth", "breadth-first": "breadth" };
    options(backward.select, Object.entries(orders).map(([name, word]) => [name, words[word]]), order);
    options(language.select, Object.entries(board.words).map(([name, { ownName }]) => [name, ownName]), lang);
  }

  // ---- From the text to the player.

  function show() {
    clearTimeout(timer);
    timer = null;
    try {
      board.source = code.value.split("\n");
      const graph = read(code.value, weights), data = forPlayer(graph.root, lang, backward.select.value);
      current = graph;
      tell("");
      draw({ ...data, title: filled(words.player.title, { root: data.names.at(-1) }), words: words.player, lang, address });
      const moving = leavesThatMove();
      set(descendButton, { title: moving.length ? filled(words.descendHint, { names: moving.map(({ label }) => label).join(", ") }) : words.nothingMoves });
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      tell([sentence(error), current ? words.kept : ""].join(" "), true);
    }
    writeLink();
  }
  function sentence({ kind, values }) {
    const what = filled(words.troubles[kind], values);
    return kind === "nothing" ? what : filled(words.line, { line, what });
  }
  function tell(text, wrong = false) {
    said.textContent = text;
    said.className = wrong ? "wrong" : "";
    set(code, { "aria-invalid": wrong });
  }
  function draw(data) {
    const json = JSON.stringify(data).replace(/[<&\u2028\u2029]/g, c => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
    const frame = document.createElement("iframe");
    set(frame, { sandbox: "allow-scripts", title: data.title, class: "waiting" });
    frame.srcdoc = `<!DOCTYPE html><html lang="${lang}">${head}<body><script type="application/json" id="data">${json}<\/script><script>${script}<\/script></body></html>`;
    on(frame, "load", () => {
      tellInk(frame);
      if (frame !== place.lastElementChild) return; // a newer one is on its way
      frame.classList.remove("waiting");
      for (const old of [...place.children].slice(0, -1)) old.remove();
    });
    place.append(frame);
  }
  const tellInk = frame => frame?.contentWindow?.postMessage({ ink: getComputedStyle(document.body).color }, "*");
  new MutationObserver(() => tellInk(place.lastElementChild)).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  on(window, "message", ({ source, data }) => { // where the player is
    if (source !== place.lastElementChild?.contentWindow || typeof data?.address !== "string") return;
    address = data.address;
    writeLink();
  });
  function typed() {
    clearTimeout(timer);
    steps = 0;
    descended.textContent = "";
    grow();
    timer = setTimeout(show, 120);
  }
  function grow() { code.rows = Math.max(4, Math.min(narrow.matches ? 12 : 6, code.value.split("\n").length)); }

  // ---- A step of gradient descent: it changes the numbers in the text, and the weights of networks.

  const networks = () => [...(current?.names.values() ?? [])].filter(value => value?.parameters);
  function leavesThatMove() {
    const leaves = topologicalOrder(current.root).filter(({ rule, role }) => !rule && role !== "constant");
    const parameters = leaves.filter(({ role }) => role === "parameter");
    return parameters.length ? parameters : leaves.filter(leaf => current.written.has(leaf));
  }
  function descend() {
    if (timer !== null || !current) show(); // what has just been typed
    const by = readSize(rate.value);
    set(rate, { "aria-invalid": !isFinite(by) });
    if (!isFinite(by) || said.textContent) return;
    const { root, written } = current, gradient = gradientsOf(topologicalOrder(root), backward.select.value), moving = leavesThatMove();
    if (!moving.length) return tell(words.nothingMoves, true);
    const before = root.value, places = [];
    for (const leaf of moving) {
      const to = leaf.value - by * gradient.get(leaf);
      leaf.value = Number(to.toPrecision(6)) + 0; // as it is written, here or in the link
      if (written.has(leaf)) places.push([...written.get(leaf), String(leaf.value)]);
    }
    for (const [start, end, text] of places.sort(([a], [b]) => b - a)) code.value = code.value.slice(0, start) + text + code.value.slice(end);
    for (const network of networks()) weights[weightsOf(network)] = network.parameters.map(({ value }) => value);
    steps++;
    show();
    descended.textContent = filled(words.descended, { count: steps, root: root.label || "", before: shown(before), after: shown(current.root.value) });
  }

  // ---- The link: the text, the weights, the order, the place in the player.

  function writeLink() {
    if (location.protocol === "about:") return;
    const link = new URLSearchParams({ lang, code: code.value });
    if (backward.select.value) link.set("order", backward.select.value);
    if (rate.value !== "0.1") link.set("rate", rate.value);
    for (const key of networks().map(weightsOf)) if (weights[key]) link.set(`w.${key}`, weights[key].join());
    if (address && address !== "#0") link.set("at", address);
    if (location.hash.slice(1) !== String(link)) history.replaceState(null, "", `#${link}`);
  }
  function readLink() {
    const link = new URLSearchParams(location.hash.slice(1));
    speak(link.get("lang") ?? board.lang);
    begin([link.get("code") ?? board.code, link.get("order") ?? "", link.get("at") ?? ""]);
    rate.value = link.get("rate") ?? "0.1";
    for (const [key, numbers] of link) if (key.startsWith("w.")) weights[key.slice(2)] = numbers.split(",").map(Number).filter(Number.isFinite);
    show();
  }
  function begin([text, order = "", at = ""]) {
    code.value = text;
    backward.select.value = order;
    if (backward.select.selectedIndex < 0) backward.select.value = "";
    [weights, address, steps, descended.textContent] = [Object.create(null), at, 0, ""];
    grow();
  }
  function copy() {
    writeLink();
    const missed = () => tell(words.notCopied);
    navigator.clipboard ? navigator.clipboard.writeText(location.href).then(() => tell(words.copied), missed) : missed();
  }
  on(code, "input", typed);
  on(code, "keydown", event => {
    if (event.key !== "Escape" && !(event.key === "Enter" && (event.ctrlKey || event.metaKey))) return;
    event.preventDefault();
    place.lastElementChild?.focus();
  });
  on(rate, "keydown", ({ key }) => { if (key === "Enter") descend(); });
  on(rate, "change", writeLink);
  on(examples.select, "change", () => { begin(board.examples[examples.select.value] ?? [""]); show(); });
  on(backward.select, "change", () => { address = ""; show(); });
  on(language.select, "change", () => { speak(language.select.value); show(); });
  on(window, "hashchange", readLink);
  readLink();

  // For use from outside: by tests, or in a console in class.
  window.chalkboard = {
    forPlayer: (text, order = "") => { board.source = text.split("\n"); return forPlayer(read(text).root, lang, order); },
    trouble(text) { // its kind, and the sentence
      try { read(text); return null; } catch (error) { if (!(error instanceof Trouble)) throw error; return [error.kind, sentence(error)]; }
    },
    get settled() { return timer === null && place.children.length === 1 && !place.querySelector(".waiting"); },
    get root() { return current.root; },
  };
}
