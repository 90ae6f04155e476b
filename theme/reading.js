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

  // pages.py puts a plain object in the place of a storage that the browser refuses.
  const USUAL = localStorage instanceof Storage ? "" : REFUSED;
  let notice = USUAL; // a sentence to the reader about the storage
  let unsaved = false; // what is shown is newer than what is stored
  let progress; // chapter -> its record
  read();
  const isSolved = (id) => progress[pages.page].questions[id] === "solved";
  const solvedBefore = (pages.chapters[pages.page]?.questions ?? []).filter(isSolved);

  /** Read the storage, keeping only what this book knows; another tab may have written. */
  function read() {
    if (unsaved) {
      return;
    }
    const isObject = (value) => value?.constructor === Object; // neither null nor a list
    let stored = null;
    try {
      stored = JSON.parse(localStorage.getItem(KEY) ?? '{"chapters": {}}');
    } catch {
      // It has no chapters, and so is damaged.
    }
    let damaged = !isObject(stored?.chapters);
    const chapters = damaged ? {} : stored.chapters;
    progress = {};
    for (const [chapter, { questions }] of Object.entries(pages.chapters)) {
      const old = chapters[chapter] ?? { done: false, questions: {} };
      const sound = typeof old.done === "boolean" && isObject(old.questions);
      const known = sound ? questions.filter((id) => Object.hasOwn(old.questions, id)) : [];
      const kept = known.filter((id) => ["solved", "tried"].includes(old.questions[id]));
      damaged ||= !sound || kept.length < known.length;
      progress[chapter] = {
        done: sound && old.done,
        questions: Object.fromEntries(kept.map((id) => [id, old.questions[id]])),
      };
    }
    if (damaged) {
      notice = DAMAGED;
    }
  }

  function readAgain() {
    read();
    show();
  }

  /** Change the progress, store it and show it. */
  function change(edit) {
    read();
    edit();
    try {
      localStorage.setItem(KEY, JSON.stringify({ version: 1, chapters: progress }));
      unsaved = false;
      notice = USUAL;
    } catch {
      unsaved = true;
      notice = FULL;
    }
    show();
  }

  function forget() {
    localStorage.removeItem(KEY);
    unsaved = false;
    notice = USUAL;
    readAgain();
  }

  document.addEventListener("attention-course:answer", ({ detail }) => {
    if (pages.chapters[detail.quiz]?.questions?.includes(detail.question)) {
      change(() => {
        const { questions } = progress[detail.quiz];
        const before = questions[detail.question] ?? "tried";
        questions[detail.question] = detail.complete ? "solved" : before;
      });
    }
  });

  addEventListener("storage", readAgain);
  // A page that comes back from the browser's history has slept through the others' changes.
  addEventListener("pageshow", ({ persisted }) => persisted && readAgain());

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

  /** Address of a chapter without anchor -> chapter. */
  const addresses = new Map(
    Object.entries(pages.chapters).map(([chapter, { uri }]) => [new URL(uri, root).href, chapter])
  );

  /** In the side bar a tick, or how many are solved; in a card of the front page a line. */
  function showAtLinks() {
    for (const link of document.querySelectorAll(".bd-sidenav a, .bd-article .sd-card a")) {
      const place = link.closest(".sd-card")?.querySelector(".sd-card-body") ?? link;
      place.querySelector(".reading-mark, .reading-card")?.remove();
      const chapter = addresses.get(link.href.split(/[?#]/)[0]);
      const counted = chapter ? count(chapter) : {};
      const tick = counted.done ? "✓ " : "";
      const begun = counted.begun ? sentence(counted) : "";
      const said = [tick && tr("Finished."), begun].filter(Boolean).join(" ");
      if (said && place === link) {
        const solved = begun && `${counted.solved}/${counted.all}`;
        link.append(
          make(`<span class="reading-mark"><span aria-hidden="true">${tick}${solved}</span><span
            class="visually-hidden">. ${said}</span></span>`)
        );
      } else if (said) {
        place.append(make(`<p class="reading-card">${tick}${said}</p>`));
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
      line.textContent = tr("Quiz: {sentence}", { sentence: sentence(counted) });
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
    showAtLinks();
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
    let shown; // the link whose definition is shown, or was last
    let timer;
    const tipOf = (link) => document.getElementById(link.getAttribute("aria-describedby"));

    function later(action) {
      clearTimeout(timer);
      timer = setTimeout(action, PAUSE);
    }

    // A popover lies above everything, scrolls with the text, and is alone: opening one closes the
    // other. The browser closes it by Escape.
    function open(link) {
      clearTimeout(timer);
      const text = link.getClientRects()[0]; // a link may run over two lines
      if (!text) {
        hide(); // what the link stands in has been folded away
        return;
      }
      shown = link;
      const tip = tipOf(link);
      tip.showPopover();
      const edge = 8;
      const width = document.documentElement.clientWidth;
      const left = Math.max(edge, Math.min(text.left, width - tip.offsetWidth - edge));
      const below = text.bottom + tip.offsetHeight + edge <= innerHeight;
      const above = text.top - tip.offsetHeight >= edge;
      const top = below || !above ? text.bottom : text.top - tip.offsetHeight;
      tip.style.left = `${left + scrollX}px`;
      tip.style.top = `${top + scrollY}px`;
    }

    const hide = () => shown && tipOf(shown).hidePopover();
    const leave = () => later(() => document.activeElement !== shown && hide());

    for (const link of document.querySelectorAll(".bd-article a.internal[href*='#']")) {
      const tip = document.getElementById(`definition-${decodeURIComponent(link.hash.slice(1))}`);
      if (!tip || link.href.split("#")[0] !== new URL("glossary.html", root).href) {
        continue;
      }
      link.setAttribute("aria-describedby", tip.id);
      // On a touch screen a tap follows the link, as ever.
      link.addEventListener("pointerenter", ({ pointerType }) => {
        if (pointerType !== "touch") {
          later(() => open(link));
        }
      });
      link.addEventListener("focus", () => link.matches(":focus-visible") && open(link));
      link.addEventListener("blur", () => later(hide));
      link.addEventListener("pointerleave", leave);
    }
    for (const tip of document.querySelectorAll(".reading-tip")) {
      Object.assign(tip, { hidden: false, popover: "auto" });
      tip.addEventListener("pointerenter", () => clearTimeout(timer));
      tip.addEventListener("pointerleave", leave);
    }
    addEventListener("resize", () => shown && tipOf(shown).matches(":popover-open") && open(shown));
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
