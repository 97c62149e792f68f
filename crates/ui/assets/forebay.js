// Everything works without this file; it makes three things quicker.
"use strict";

// A column's lineage is fetched into the page instead of loading the page again.
document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-column]");
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
  const url = new URL(link.href?.baseVal ?? link.href, location.href);
  if (url.pathname !== location.pathname) return;
  event.preventDefault();
  try {
    const answer = await fetch(url);
    if (!answer.ok) throw new Error(answer.status);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of ["#lineage", "table.pick tbody"]) {
      document.querySelector(part).replaceWith(page.querySelector(part));
    }
    history.pushState(null, "", url);
    document.querySelector("#lineage").scrollIntoView({ block: "nearest" });
  } catch {
    location.href = url;
  }
});
addEventListener("popstate", () => location.reload());

// The graph: what a node reads and what reads it stand out; a name can be looked for.
const graph = document.querySelector("svg.dag:not(.columns)");
if (graph) {
  const nodes = [...graph.querySelectorAll("[data-node]")];
  const edges = [...graph.querySelectorAll("[data-from]")];
  const reach = (start, from, to) => {
    const seen = new Set([start]);
    for (const id of seen) {
      for (const edge of edges) if (edge.dataset[from] === id) seen.add(edge.dataset[to]);
    }
    return seen;
  };
  const show = (near) => {
    graph.classList.toggle("traced", near !== null);
    for (const node of nodes) node.classList.toggle("on", near?.has(node.dataset.node) ?? false);
    for (const edge of edges) {
      edge.classList.toggle("on", Boolean(near?.has(edge.dataset.from) && near.has(edge.dataset.to)));
    }
  };
  const trace = (event) => {
    const node = event.target.closest?.("[data-node]");
    if (!node) return show(null);
    const id = node.dataset.node;
    show(new Set([...reach(id, "from", "to"), ...reach(id, "to", "from")]));
  };
  for (const type of ["mouseover", "focusin"]) graph.addEventListener(type, trace);
  for (const type of ["mouseleave", "focusout"]) graph.addEventListener(type, () => show(null));

  const find = document.querySelector("#find");
  if (find) {
    find.closest("label").hidden = false;
    find.addEventListener("input", () => {
      const text = find.value.trim().toLowerCase();
      const hits = nodes.filter((node) => node.textContent.toLowerCase().includes(text));
      show(text ? new Set(hits.map((node) => node.dataset.node)) : null);
      if (text && hits[0]) hits[0].scrollIntoView({ block: "nearest", inline: "center" });
    });
  }
}

// Command lines can be copied.
for (const box of document.querySelectorAll("[data-copy]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(box.querySelector("code").textContent);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  box.parentElement.classList.add("copyable");
  box.before(button);
}
