// Reading aids: definitions of terms, names for the theme's small buttons, and the reader's
// progress. attention_course/book/pages.py adds this script to every page, together with the hidden
// definitions (.reading-tip) and the list of chapters (#attention-course-pages).
//
// Nothing leaves the browser. Progress is one JSON text in localStorage, under the key
// "attention-course", where "solved" outranks "tried":
//   {"version": 1, "chapters": {"01_rnn_recap": {"done": true, "questions": {"id": "solved"}}}}
(() => {
  "use strict";

  const pages = JSON.parse(document.getElementById("attention-course-pages").textContent);
  const root = new URL(document.documentElement.dataset.content_root, location.href);

  /** Make the element that a piece of HTML describes; every sentence in it is the course's own. */
  function make(html) {
    const template = document.createElement("template");
    template.innerHTML = html.trim();
    return template.content.firstChild;
  }

  /** Put a text into a live region, so that a screen reader says it. */
  function say(region, text) {
    // The same text twice in a row would not be announced the second time.
    region.textContent = "";
    setTimeout(() => (region.textContent = text), 50);
  }

  // --- progress: what is remembered -------------------------------------------------------------

  const KEY = "attention-course";
  const REFUSED = tr("This browser does not let the page remember anything, so your progress is " +
    "forgotten when you leave the page.");
  const FULL = tr("This browser has no room left for your progress, so what you do from now on is " +
    "forgotten when you leave the page.");
  const DAMAGED = tr("What this browser remembered of your progress could not all be read, and " +
    "that part is left out.");

  let notice = ""; // a sentence to the reader about the storage
  let unsaved = false; // what is shown is newer than what is stored
  let progress = read(); // chapter -> its record
  const isSolved = (id) => progress[pages.page].questions[id] === "solved";
  const solvedBefore = (pages.chapters[pages.page]?.questions ?? []).filter(isSolved);

  /** Read the storage, keeping only what this book knows. Never fails. */
  function read() {
    let found = null;
    try {
      // pages.py puts a plain object in the place of a storage that the browser refuses.
      if (!(localStorage instanceof Storage)) {
        throw new Error("refused");
      }
      found = localStorage.getItem(KEY);
    } catch {
      notice = REFUSED;
      unsaved = true;
    }
    const isObject = (value) => value?.constructor === Object; // neither null nor a list
    let stored = null;
    try {
      stored = JSON.parse(found ?? '{"chapters": {}}');
    } catch {
      // It is no object, and so damaged.
    }
    const sound = isObject(stored) && isObject(stored.chapters);
    let damaged = !sound;
    const result = {};
    for (const [chapter, { questions }] of Object.entries(pages.chapters)) {
      const record = (result[chapter] = { done: false, questions: {} });
      const old = sound ? stored.chapters[chapter] : undefined;
      if (isObject(old) && typeof old.done === "boolean" && isObject(old.questions)) {
        record.done = old.done;
        for (const id of questions) {
          if (["solved", "tried"].includes(old.questions[id])) {
            record.questions[id] = old.questions[id];
          } else {
            damaged ||= old.questions[id] !== undefined;
          }
        }
      } else {
        damaged ||= old !== undefined;
      }
    }
    if (damaged) {
      notice = DAMAGED;
    }
    return result;
  }

  /** Another tab may have written since. */
  function readAgain() {
    if (!unsaved) {
      progress = read();
    }
  }

  /** Change the progress, store it and show it. */
  function change(edit) {
    readAgain();
    edit();
    if (notice !== REFUSED) {
      try {
        localStorage.setItem(KEY, JSON.stringify({ version: 1, chapters: progress }));
        unsaved = false;
        notice = "";
      } catch {
        unsaved = true;
        notice = FULL;
      }
    }
    show();
  }

  function forget() {
    try {
      localStorage.removeItem(KEY);
    } catch {
      // Then nothing was stored either.
    }
    if (notice !== REFUSED) {
      unsaved = false;
      notice = "";
    }
    for (const chapter of Object.keys(progress)) {
      progress[chapter] = { done: false, questions: {} };
    }
    show();
  }

  document.addEventListener("attention-course:answer", ({ detail }) => {
    const known = Object.hasOwn(pages.chapters, detail.quiz);
    if (known && pages.chapters[detail.quiz].questions.includes(detail.question)) {
      change(() => {
        const { questions } = progress[detail.quiz];
        const before = questions[detail.question] ?? "tried";
        questions[detail.question] = detail.complete ? "solved" : before;
      });
    }
  });

  addEventListener("storage", ({ key }) => {
    // The key is null when another page has cleared everything.
    if (key === KEY || key === null) {
      readAgain();
      show();
    }
  });

  // A page that comes back from the browser's history has slept through the others' changes.
  addEventListener("pageshow", ({ persisted }) => {
    if (persisted) {
      readAgain();
      show();
    }
  });

  // --- progress: how it is shown ----------------------------------------------------------------

  function count(chapter) {
    const { done, questions } = progress[chapter];
    const states = Object.values(questions);
    const solved = states.filter((state) => state === "solved").length;
    const all = pages.chapters[chapter].questions.length;
    return { done, begun: states.length > 0, solved, tried: states.length - solved, all };
  }

  function sentence(counted) {
    return counted.tried
      ? tr("{solved} of {all} questions solved, {tried} more tried.", counted)
      : tr("{solved} of {all} questions solved.", counted);
  }

  /** Links of the page to a chapter: address without anchor -> chapter. */
  const addresses = new Map(
    Object.entries(pages.chapters).map(([chapter, { uri }]) => [new URL(uri, root).href, chapter])
  );
  const chapterOf = (link) => addresses.get(link.href.split(/[?#]/)[0]);

  /** In the table of contents of the side bar: a tick, or how many are solved. */
  function showInSideBar() {
    for (const link of document.querySelectorAll(".bd-sidenav a")) {
      const chapter = chapterOf(link);
      link.querySelector(".reading-mark")?.remove();
      const counted = chapter ? count(chapter) : {};
      const shown = [];
      const said = [];
      if (counted.done) {
        shown.push("✓");
        said.push(tr("Finished."));
      }
      if (counted.begun) {
        shown.push(`${counted.solved}/${counted.all}`);
        said.push(tr("{solved} of {all} questions solved.", counted));
      }
      if (shown.length) {
        link.append(
          make(`<span class="reading-mark"><span aria-hidden="true">${shown.join(" ")}</span><span
            class="visually-hidden">. ${said.join(" ")}</span></span>`)
        );
      }
    }
  }

  /** On the front page: a line in each chapter's card. */
  function showInCards() {
    for (const link of document.querySelectorAll(".bd-article .sd-card a")) {
      const chapter = chapterOf(link);
      if (!chapter) {
        continue;
      }
      const body = link.closest(".sd-card").querySelector(".sd-card-body");
      body.querySelector(".reading-card")?.remove();
      const counted = count(chapter);
      const parts = [
        ...(counted.done ? ["✓", tr("Finished.")] : []),
        ...(counted.begun ? [sentence(counted)] : []),
      ];
      if (parts.length) {
        body.append(make(`<p class="reading-card">${parts.join(" ")}</p>`));
      }
    }
  }

  /** Beside a question: that it was solved on an earlier visit. It stays unanswered. */
  function showSolvedBefore() {
    for (const question of document.querySelectorAll(".ac-quiz .Quiz[data-question]")) {
      const id = question.dataset.question;
      const note = question.querySelector(".reading-solved");
      const wanted = solvedBefore.includes(id) && isSolved(id);
      if (wanted && !note) {
        question.prepend(make(`<p class="reading-solved">✓ ${tr("Solved before")}</p>`));
      } else if (!wanted) {
        note?.remove();
      }
    }
  }

  const level = pages.page ? "h2" : "h3"; // on the front page it stands below the cards' heading
  const panel = make(`
    <section class="reading-progress d-print-none" aria-labelledby="reading-progress-title">
      <${level} id="reading-progress-title">${tr("Your progress")}</${level}>
      <p class="reading-count"></p>
      <label><input type="checkbox"> ${tr("I have finished this chapter")}</label>
      <p class="reading-notice" role="status"></p>
      <button type="button" class="reading-button" aria-haspopup="dialog">${tr(
        "Forget my progress on this device"
      )}</button>
      <p class="reading-small">${tr(
        "Your progress is kept in this browser on this device. Nothing is sent anywhere."
      )}</p>
      <dialog class="reading-dialog" aria-labelledby="reading-forget-question">
        <form method="dialog">
          <p id="reading-forget-question">${tr(
            "Forget your progress in all chapters? This cannot be undone."
          )}</p>
          <button class="reading-button" value="keep">${tr("Keep it")}</button>
          <button class="reading-button" value="forget">${tr("Forget it")}</button>
        </form>
      </dialog>
    </section>`);
  const [line, storageNote, box, dialog] = [".reading-count", ".reading-notice", "input", "dialog"].map(
    (part) => panel.querySelector(part)
  );
  panel.querySelector("[aria-haspopup]").addEventListener("click", () => dialog.showModal());
  panel.querySelector("[value=forget]").addEventListener("click", () => {
    forget();
    say(storageNote, tr("Your progress on this device is forgotten."));
  });
  box.addEventListener("change", () => change(() => (progress[pages.page].done = box.checked)));

  function showInPanel() {
    if (pages.page) {
      const counted = count(pages.page);
      line.textContent = counted.tried
        ? tr("Quiz: {solved} of {all} questions solved, {tried} more tried.", counted)
        : tr("Quiz: {solved} of {all} questions solved.", counted);
      line.hidden = counted.all === 0;
      box.checked = counted.done;
    } else {
      const counts = Object.keys(pages.chapters).map(count);
      const sum = (name) => counts.reduce((total, counted) => total + counted[name], 0);
      const total = { solved: sum("solved"), tried: sum("tried"), all: sum("all") };
      const finished = { done: sum("done"), chapters: counts.length };
      line.textContent = `${tr("{done} of {chapters} chapters finished.", finished)} ${sentence(total)}`;
    }
    if (storageNote.textContent !== notice) {
      storageNote.textContent = notice;
    }
  }

  function show() {
    showInSideBar();
    if (pages.front) {
      showInCards();
    }
    showSolvedBefore();
    showInPanel();
  }

  const article = document.querySelector(".bd-article");
  if (pages.page) {
    article.append(panel);
    // Quizzes build their questions after this script has run.
    const observer = new MutationObserver(showSolvedBefore);
    for (const quiz of document.querySelectorAll(".ac-quiz")) {
      observer.observe(quiz, { childList: true, subtree: true });
    }
  } else if (pages.front) {
    panel.querySelector("label").remove();
    [...article.querySelectorAll(".sd-container-fluid")].at(-1).after(panel); // below the cards
  }
  show();

  // --- definitions of terms (WCAG 1.4.13) -------------------------------------------------------

  /** Show a definition while its link, or the definition itself, has the pointer or the focus. */
  function setUpDefinitions() {
    const PAUSE = 250; // milliseconds: time to move the pointer over, and to pass by without one
    let shown = null; // {link, tip}
    let timer;

    function place({ link, tip }) {
      // Relative to the definition's own container, so that it scrolls with the text.
      const frame = tip.offsetParent.getBoundingClientRect();
      const text = link.getClientRects()[0]; // a link may run over two lines
      const edge = 8;
      const width = document.documentElement.clientWidth;
      const left = Math.max(edge, Math.min(text.left, width - tip.offsetWidth - edge));
      const below = text.bottom + tip.offsetHeight + edge <= innerHeight;
      const above = text.top - tip.offsetHeight >= edge;
      const top = below || !above ? text.bottom : text.top - tip.offsetHeight;
      tip.style.left = `${left - frame.left}px`;
      tip.style.top = `${top - frame.top}px`;
    }

    function hide() {
      clearTimeout(timer);
      if (shown) {
        shown.tip.hidden = true;
        shown = null;
      }
    }

    function open(link, tip) {
      clearTimeout(timer);
      if (shown?.link !== link) {
        hide();
        shown = { link, tip };
        tip.hidden = false;
        place(shown);
      }
    }

    function later(action) {
      clearTimeout(timer);
      timer = setTimeout(action, PAUSE);
    }

    function leave() {
      later(() => document.activeElement !== shown?.link && hide());
    }

    for (const link of document.querySelectorAll(".bd-article a.internal[href*='#']")) {
      const id = decodeURIComponent(link.hash.slice(1));
      const page = link.href.split("#")[0];
      const tip = document.getElementById(`definition-${id}`);
      if (!tip || page !== new URL("glossary.html", root).href) {
        continue;
      }
      link.setAttribute("aria-describedby", tip.id);
      // On a touch screen a tap follows the link, as ever.
      link.addEventListener("pointerenter", ({ pointerType }) => {
        if (pointerType !== "touch") {
          later(() => open(link, tip));
        }
      });
      link.addEventListener("focus", () => {
        if (link.matches(":focus-visible")) {
          open(link, tip);
        }
      });
      link.addEventListener("blur", () => later(hide));
      link.addEventListener("pointerleave", leave);
    }
    for (const tip of document.querySelectorAll(".reading-tip")) {
      tip.addEventListener("pointerenter", () => clearTimeout(timer));
      tip.addEventListener("pointerleave", leave);
    }
    document.addEventListener("keydown", ({ key }) => {
      if (key === "Escape") {
        hide();
      }
    });
    addEventListener("resize", () => shown && place(shown));
  }

  // --- the theme's small buttons and links ------------------------------------------------------

  /**
   * sphinx_copybutton 0.5.2 names each button by the title of its icon, takes the focus away when
   * it copies, tells only the eye that it has, and speaks few languages.
   */
  function setUpCopyButtons() {
    const region = make('<div role="status" class="visually-hidden"></div>');
    document.querySelector(".bd-article")?.after(region);
    if (typeof messages === "undefined") {
      return; // there is nothing to copy on this page
    }
    // Names of sphinx_copybutton: its sentences, and its pictures, which have English titles.
    const copy = tr("Copy");
    const copied = tr("Copied");
    Object.assign(messages[locale], { copy, copy_success: copied, copy_failure: tr("Not copied") });
    [iconCopy, iconCheck] = [iconCopy, iconCheck].map((icon) => icon.replace(/<title>.*<\/title>/, ""));
    const observer = new MutationObserver(([{ target }]) => {
      const { tooltip } = target.dataset;
      if (tooltip === copy) {
        return;
      }
      const failed = tr("The browser did not copy; select the text instead.");
      say(region, tooltip === copied ? copied : failed);
      if (document.activeElement === document.body) {
        target.focus({ preventScroll: true });
      }
    });
    for (const button of document.querySelectorAll("button.copybtn")) {
      const text = document.querySelector(button.dataset.clipboardTarget).textContent.trim();
      const beginning = text.split("\n")[0].slice(0, 40);
      const name = button.closest(".cell_output")
        ? tr("Copy output: {beginning}", { beginning })
        : tr("Copy code: {beginning}", { beginning });
      button.type = "button";
      button.innerHTML = iconCopy;
      button.dataset.tooltip = copy;
      button.setAttribute("aria-label", name);
      observer.observe(button, { attributes: true, attributeFilter: ["data-tooltip"] });
    }
  }

  /**
   * Sphinx names every link of a section "#", and the sign is part of the heading's name too. The
   * link gets a name of its own, and the heading keeps its words only.
   */
  function setUpSectionLinks() {
    document.querySelectorAll(".bd-article :is(h1, h2, h3, h4) > a.headerlink").forEach((link, n) => {
      const heading = link.parentElement;
      const words = make(`<span id="heading-${n}"></span>`);
      words.append(...[...heading.childNodes].filter((node) => node !== link));
      heading.prepend(words);
      heading.setAttribute("aria-labelledby", words.id);
      const heard = { heading: words.textContent.trim() };
      link.setAttribute("aria-label", tr("Link to this section: {heading}", heard));
      link.removeAttribute("title");
    });
  }

  setUpDefinitions();
  setUpSectionLinks();
  // After sphinx_copybutton, which makes its buttons at the same event and was loaded earlier.
  document.addEventListener("DOMContentLoaded", setUpCopyButtons);
})();
