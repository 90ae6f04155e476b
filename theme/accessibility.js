/* Mends what the theme leaves out for readers without a mouse. Each part says what upstream does. */
(() => {
  "use strict";

  // Sphinx fetches every page it found to show some of its text. A browser refuses that on file://
  // and logs an error for each, so the results stand there without summaries.
  if (location.protocol === "file:" && typeof DOCUMENTATION_OPTIONS !== "undefined") {
    DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
  }

  // The switch between light and dark shows its state by an icon alone.
  const nameMode = () => {
    const names = { light: tr("Colours: light"), dark: tr("Colours: dark") };
    const name = names[document.documentElement.dataset.mode] ?? tr("Colours: as the system says");
    for (const button of document.querySelectorAll(".theme-switch-button")) {
      button.setAttribute("aria-label", name);
    }
  };
  nameMode();
  new MutationObserver(nameMode).observe(document.documentElement, {
    attributeFilter: ["data-mode"],
  });

  // The side bars of a narrow screen are dialogs without a name.
  const nameDialog = (id, name) => document.getElementById(id)?.setAttribute("aria-label", name);
  nameDialog("pst-primary-sidebar-modal", tr("Menu of the course"));
  nameDialog("pst-secondary-sidebar-modal", tr("Contents of this page"));

  // A menu above the page closes as its reader expects: by Escape, by a click elsewhere, and when
  // the focus leaves it.
  const closeMenus = (event) => {
    for (const menu of document.querySelectorAll("details.header-menu[open]")) {
      const escape = event.type === "keydown" && event.key === "Escape";
      if (escape && menu.contains(event.target)) menu.querySelector("summary").focus();
      if (escape || (event.type !== "keydown" && !menu.contains(event.target))) menu.open = false;
    }
  };
  for (const kind of ["keydown", "click", "focusin"]) document.addEventListener(kind, closeMenus);

  // What is wider than the page scrolls in its own box. Upstream makes some of these boxes
  // reachable by keyboard, and names none of them.
  const BOXES = [
    [".pst-scrollable-table-container", tr("Table, scrolls sideways")],
    ["div.math", tr("Formula, scrolls sideways")],
    [".cell_output pre, .cell_output > .output", tr("Output, scrolls sideways")],
    ["pre", tr("Code, scrolls sideways")],
    ["p, li, dd", tr("Text with a long formula, scrolls sideways")],
  ];
  const nameBoxes = () => {
    const seen = new Set();
    for (const [selector, name] of BOXES) {
      for (const box of document.querySelectorAll(`.bd-article :is(${selector})`)) {
        if (seen.has(box)) continue;
        seen.add(box);
        const named = box.dataset.scrolls === "true";
        const wide = box.scrollWidth > box.clientWidth + 1 && box.clientWidth > 0;
        if (wide && (named || /auto|scroll/.test(getComputedStyle(box).overflowX))) {
          box.dataset.scrolls = "true";
          box.tabIndex = 0;
          box.setAttribute("role", "group");
          box.setAttribute("aria-label", name);
        } else if (named) {
          for (const attribute of ["data-scrolls", "tabindex", "role", "aria-label"]) {
            box.removeAttribute(attribute);
          }
        }
      }
    }
  };
  let waiting;
  const soon = () => {
    clearTimeout(waiting);
    waiting = setTimeout(nameBoxes, 100);
  };
  const content = document.getElementById("main-content");
  new MutationObserver(soon).observe(content, { childList: true, subtree: true });
  for (const kind of ["resize", "load"]) window.addEventListener(kind, soon);
  document.addEventListener("toggle", soon, true);
  soon();
})();
