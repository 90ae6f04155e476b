// Stands behind jupyterquiz' own scripts, in the same function, after QUIZ (the element's id) and
// QUESTIONS: shows the questions, then mends what keeps keyboards and screen readers out. Each mend
// says what jupyterquiz 2.9 does by itself.
//
// A question is `.Quiz[data-question]`. A choice is a `label.MCButton[data-correct]` around a radio
// button or checkbox; a number is `.Input-text` with the button `.ac-check` behind it. Where several
// choices are right, `.ac-again` shows up with a wrong one and clears them. After every verdict the
// document gets the event "attention-course:answer".

// jupyterquiz puts the verdict into a colour. Here it is a word, in a live region that has been in
// the page from the start.
const say = (feedback, kind, html) => {
  feedback.className = "Feedback " + kind;
  feedback.innerHTML = html;
};
const judge = (feedback, right, explanation) => {
  const verdict = right ? tr("Right:") : tr("Not right:");
  say(feedback, right ? "correct" : "incorrect", `<strong>${verdict}</strong> ${explanation}`);
};

// jupyterquiz: all options are radio buttons out of sight, also where several answers are right;
// an arrow key answers; one click counts twice (for the label and for its button); and who chooses
// everything has found all that is right. So its handler is not used, only what the labels hold:
// a wrong choice among several stays, and the question is not answered before it is begun again.
const mendChoices = (question, many, report) => {
  const group = question.querySelector(".Answer");
  const feedback = question.querySelector(".Feedback");
  const labels = [...group.querySelectorAll(".MCButton")];
  const wanted = labels.filter((label) => label.dataset.correct === "true").length;
  const boxes = labels.map((label, place) => {
    const box = label.querySelector("input");
    label.onclick = null;
    box.className = "ac-box";
    box.type = many ? "checkbox" : "radio";
    // With one name for all, browsers let arrow keys choose and take the others out of Tab's way.
    box.name = box.id;
    if (!many) {
      box.setAttribute("aria-posinset", place + 1);
      box.setAttribute("aria-setsize", labels.length);
    }
    // The id can be the same as that of the question's code.
    label.querySelectorAll(".QuizCode").forEach((code) => code.removeAttribute("id"));
    label.insertAdjacentHTML("beforeend", '<span class="ac-mark"></span>');
    return box;
  });
  group.setAttribute("role", many ? "group" : "radiogroup");
  const again = document.createElement("button");
  again.type = "button";
  again.className = "ac-button ac-again";
  again.hidden = true;
  again.textContent = tr("Begin this question again");
  if (many) feedback.after(again);

  const mark = (label, kind) => {
    label.className = "MCButton " + kind;
    const [sign, words] = kind === "correctButton" ? ["✓", tr("(right)")] : ["✗", tr("(not right)")];
    label.querySelector(".ac-mark").innerHTML =
      kind && `<span aria-hidden="true">${sign}</span><span class="ac-hidden"> ${words}</span>`;
  };
  const clear = () => {
    labels.forEach((label) => mark(label, ""));
    boxes.forEach((box) => (box.checked = false));
  };
  const answer = (box) => {
    const label = box.closest(".MCButton");
    const right = label.dataset.correct === "true";
    if (!many) clear();
    box.checked = true;
    mark(label, right ? "correctButton" : "incorrectButton");
    const spoilt = many && group.querySelector(".incorrectButton") !== null;
    const complete = !spoilt && group.querySelectorAll(".correctButton").length === wanted;
    again.hidden = !spoilt;
    const sum = spoilt
      ? tr("A wrong option is chosen, so this question is not answered rightly. Begin it again.")
      : many && complete ? tr("These are all the right options.") : "";
    judge(feedback, right, `${jaxify(label.dataset.feedback)} ${sum}`.trim());
    report(right, complete);
  };
  again.addEventListener("click", () => {
    clear();
    again.hidden = true;
    say(feedback, "", tr("No option is chosen now."));
    boxes[0].focus();
  });
  // One stop for Tab: the option that had the focus last.
  const stopAt = (box) => boxes.forEach((other) => (other.tabIndex = other === box ? 0 : -1));
  stopAt(boxes[0]);
  group.addEventListener("focusin", (event) => {
    if (boxes.includes(event.target)) stopAt(event.target);
  });
  group.addEventListener("click", (event) => {
    if (boxes.includes(event.target)) answer(event.target);
  });
  group.addEventListener("keydown", (event) => {
    const place = boxes.indexOf(event.target);
    if (place < 0 || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
    const [after, before] = [boxes[place + 1] ?? boxes[0], boxes.at(place - 1)]; // round and round
    const next = {
      ArrowDown: after,
      ArrowRight: after,
      ArrowUp: before,
      ArrowLeft: before,
      Home: boxes[0],
      End: boxes.at(-1),
    }[event.key];
    if (next) next.focus();
    else if (event.key !== "Enter") return;
    else if (!event.repeat) event.target.click();
    event.preventDefault();
    event.stopPropagation();
  });
};

// Returns what keeps a text from being a number, in one sentence, or "".
const problemWith = (text) => {
  const part = "[+-]?(\\d+\\.?\\d*|\\.\\d+)(e[+-]?\\d+)?";
  if (text === "") return tr("The box is empty: type a number, then press Enter or Check.");
  if (text.length > 30) return tr("That is too long: type a number of at most 30 characters.");
  if (text.includes(","))
    return tr("Write the number without a comma: 0.5, not 0,5, and 1000, not 1,000.");
  if (!new RegExp(`^${part}(/${part})?$`, "i").test(text))
    return tr("That cannot be read as a number: type one such as 12, -0.5, 3/4 or 1e-3.");
  const [above, below] = text.split("/").map(Number);
  if (below === 0) return tr("Nothing can be divided by 0: type another number.");
  if (!isFinite(above / (below ?? 1))) return tr("That is too large to be checked: type a smaller number.");
  return "";
};

// jupyterquiz: the box refuses pasting and many keys, empties itself when it gets the focus, loses
// the focus after Enter, hands it to the next box after a right answer, and reads "" as 0 and
// other nonsense as wrong. A copy of the box knows nothing of that.
const mendNumber = (question, report) => {
  const feedback = question.querySelector(".Feedback");
  const group = question.querySelector(".Answer");
  const label = question.querySelector(".InpLabel");
  const input = question.querySelector(".Input-text").cloneNode();
  const row = document.createElement("div");
  row.className = "ac-row";
  row.innerHTML = '<button type="button" class="ac-button ac-check"></button>';
  row.firstChild.textContent = tr("Check");
  row.prepend(input);
  question.querySelector(".Input-text").replaceWith(row);
  group.setAttribute("role", "group");
  label.htmlFor = input.id;
  label.textContent = tr("Type a number, then press Enter or Check:");
  input.autocomplete = "off";
  input.inputMode = "text"; // The numbers of a telephone have no minus sign.

  const submit = () => {
    const value = input.value.trim().replace(/[−–]/g, "-");
    const problem = problemWith(value);
    input.setAttribute("aria-invalid", Boolean(problem));
    input.className = "Input-text";
    if (problem) {
      say(feedback, "ac-unread", problem);
      return;
    }
    // The judgement is jupyterquiz': it needs an object with these entries in place of the box.
    const { id, dataset, classList } = input;
    const box = { id, value, dataset, classList, blur: () => {}, closest: () => null };
    check_numeric(box, { keyCode: 13 });
    const right = feedback.classList.contains("correct");
    judge(feedback, right, feedback.innerHTML);
    report(right, right);
  };
  row.querySelector("button").addEventListener("click", submit);
  input.addEventListener("input", () => (input.className = "Input-text"));
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    event.stopPropagation();
    submit();
  });
};

const build = (quiz) => {
  show_questions(QUESTIONS, quiz);
  quiz.querySelector(".QuizNote").className = "ac-keys";
  quiz.querySelector(".ac-keys").textContent = tr(
    "By keyboard: Tab goes to the next question, arrow keys move between its options, " +
      "Space or Enter answers."
  );
  quiz.querySelectorAll(".Quiz[data-qnum]").forEach((question, place) => {
    const data = QUESTIONS[place];
    const report = (correct, complete) => {
      const detail = { quiz: quiz.dataset.quiz, question: data.id, correct, complete };
      document.dispatchEvent(new CustomEvent("attention-course:answer", { detail }));
    };
    question.dataset.question = data.id;
    question.querySelector(".Feedback").setAttribute("role", "status");
    // jupyterquiz: nothing says which options belong to which question.
    const text = question.querySelector("[id^=quizQn]");
    question.querySelector(".Answer").setAttribute("aria-labelledby", text.id);
    // jupyterquiz: long code is out of a keyboard's reach.
    const code = question.querySelector(":scope > :first-child pre");
    if (code) {
      code.tabIndex = 0;
      code.setAttribute("role", "region");
      code.setAttribute("aria-label", tr("Code of question {number}", { number: place + 1 }));
    }
    if (data.type === "numeric") mendNumber(question, report);
    else mendChoices(question, data.type === "many_choice", report);
  });
  // JupyterLab takes keys for its commands (D, D deletes the cell) wherever no text is written,
  // except at an element that says so itself.
  quiz.querySelectorAll(".ac-box, .ac-button, pre[tabindex]").forEach((control) => {
    control.dataset.lmSuppressShortcuts = true;
  });
};

// jupyterquiz looks for its element every 200 ms. Here the script runs behind the element, or is
// told when a notebook has put the two into its page. The same quiz may be open twice.
const start = () => {
  const all = [...document.querySelectorAll(`[id="${QUIZ}"]`)];
  const empty = all.find((quiz) => !quiz.querySelector(".Quiz"));
  if (empty) build(empty);
  return Boolean(empty);
};
if (!start()) {
  new MutationObserver((changes, observer) => {
    if (start()) observer.disconnect();
  }).observe(document, { childList: true, subtree: true });
}
