// Marks on a page what was searched for. Stands for Sphinx' own script of this name, as a file of
// html_static_path may: that one looks for the words in the entire page, so it stops with an error
// in the title of a drawing, breaks style sheets and formulas that hold the word, and marks the
// words of the last search on the page of the next one. The names are those that searchtools.js
// asks for.
"use strict";

const SPHINX_HIGHLIGHT_ENABLED = true; // searchtools.js keeps the words for the page that is opened

// Neither words to a reader, nor what a script reads before a reader does.
const UNMARKED =
  "script, style, textarea, button, select, .math, mjx-container, title, desc, .nohighlight";

/** Mark a word in the texts of an element, in capitals or small letters. */
function _highlightText(element, word, className) {
  const pattern = new RegExp(word.replace(/[^\p{L}\p{N}]/gu, "\\$&"), "iu");
  const texts = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  const found = [];
  while (texts.nextNode()) {
    const text = texts.currentNode;
    const marked = text.parentElement.closest(`${UNMARKED}, .${className}`);
    if (!marked && pattern.test(text.data)) found.push(text);
  }
  for (let text of found) {
    if (text.parentElement.closest("svg")) {
      text.parentElement.classList.add(className); // a drawing has no place for another element
      continue;
    }
    for (let match; (match = pattern.exec(text.data)); ) {
      const hit = text.splitText(match.index);
      text = hit.splitText(match[0].length);
      const mark = document.createElement("mark");
      mark.className = className;
      hit.replaceWith(mark);
      mark.append(hit);
    }
  }
}

(() => {
  const KEY = "sphinx_highlight_terms";
  const words = (localStorage.getItem(KEY) ?? "").split(/\s+/).filter(Boolean);
  localStorage.removeItem(KEY);
  const article = document.getElementById("article");
  if (!words.length || article.classList.contains("bd-search-container")) return;
  const markIn = (element) =>
    words.forEach((word) => _highlightText(element, word, "highlighted"));
  markIn(article);
  if (!article.querySelector(".highlighted")) return;

  // Figures are drawn when they come into sight, and write new words when they are moved.
  const observer = new MutationObserver((changes) =>
    new Set(changes.map((change) => change.target)).forEach(markIn)
  );
  observer.observe(article, { childList: true, subtree: true });

  const button = document.createElement("button");
  button.type = "button";
  button.className = "reading-button d-print-none";
  button.textContent = tr("Hide what was searched for");
  button.addEventListener("click", () => {
    observer.disconnect();
    button.remove();
    article.querySelectorAll("mark.highlighted").forEach((mark) => {
      const { parentNode } = mark;
      mark.replaceWith(...mark.childNodes);
      parentNode.normalize();
    });
    article.querySelectorAll(".highlighted").forEach((text) => text.classList.remove("highlighted"));
  });
  document.getElementById("searchbox").append(button);
})();
