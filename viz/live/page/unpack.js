// The page's data and its script are kept compressed: this puts both in their places. The policy of the page has the hash
// of the script that comes out.

(async () => {
  const data = document.querySelector("#data"), bytes = Uint8Array.from(atob(JSON.parse(data.textContent)), c => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  const [unpacked, script] = (await new Response(stream).text()).split("\0");
  data.textContent = unpacked;
  const element = document.createElement("script");
  element.textContent = script;
  document.body.append(element);
})();
