// Everything works without this file; it makes some things quicker.
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

// What still runs is loaded again, in place and without losing what is chosen or scrolled.
const live = document.querySelector("[data-live]");
if (live) {
  let shown = live.outerHTML;
  const again = async () => {
    try {
      const answer = await fetch(location.href);
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const old = document.getElementById(live.id);
      const now = page.getElementById(live.id);
      const busy = old.contains(document.activeElement) && document.activeElement.matches("input, select");
      if (now && !busy && now.outerHTML !== shown) {
        shown = now.outerHTML;
        const places = [...old.querySelectorAll(".scroll, pre")].map((box) => box.scrollTop);
        old.replaceWith(now);
        [...now.querySelectorAll(".scroll, pre")].forEach((box, i) => { box.scrollTop = places[i] ?? 0; });
        ready(now);
      }
      if (now && !now.hasAttribute("data-live")) clearInterval(timer);
    } catch { /* the server may be away for a moment */ }
  };
  const timer = setInterval(() => { if (!document.hidden) again(); }, Number(live.dataset.live) * 1000);
}

// Long tables of names can be looked through; what a program wrote is read from its end.
function ready(part) {
  for (const table of part.querySelectorAll("table[data-find]")) {
    const rows = [...table.tBodies[0].rows];
    if (rows.length < 15) continue;
    const find = document.createElement("input");
    find.type = "search";
    find.placeholder = `find a ${table.dataset.find}`;
    find.setAttribute("aria-label", find.placeholder);
    find.className = "find";
    find.addEventListener("input", () => {
      const text = find.value.trim().toLowerCase();
      for (const row of rows) row.hidden = !row.cells[0].textContent.toLowerCase().includes(text);
    });
    table.closest(".scroll").before(find);
  }
  for (const box of part.querySelectorAll("[data-end]")) box.scrollTop = box.scrollHeight;
}
ready(document);

// Clients of MLflow print addresses of its own pages.
const theirs = location.hash.match(/^#\/(experiments|models)\/([^/]+)(?:\/(?:runs|versions)\/([^/]+))?/);
if (theirs) {
  const [, kind, name, part] = theirs;
  if (kind === "models") location.replace(`/models/${name}${part ? `/${part}` : ""}`);
  else location.replace(part ? `/training/${part}` : `/experiments?id=${name}`);
}
