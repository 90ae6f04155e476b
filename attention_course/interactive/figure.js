// The frame of every interactive figure: controls, the sentence, and how it starts. A figure's own
// script defines
//
//   function build(figure, data)
//
// and uses what kit.js draws, and what is offered here:
//
//   figure.slider(key, {label, min, max, step, format, change})  a native range input; with
//                                  {values} in place of numbers it chooses from a list; max may be
//                                  a function of the state
//   figure.choice(key, {label, options: [[value, text], ...], change})  a native select
//   figure.checkbox(key, {label})
//   figure.text(key, {label})                                 a native text area
//   figure.button(label, action)   action(state) changes the state; the picture follows
//   figure.group(control, ...)     controls beside each other
//   figure.add(node, ...)          puts nodes (or groups of controls) into the figure, in order
//   figure.run(initial, render)    starts; render(state) draws and returns one sentence, which is
//                                  shown and announced to screen readers
//   figure.sentence                where it is shown
//   figure.refresh(heard)          draws again, as after every control; heard(sentence) returns what
//                                  is announced in place of the sentence, null announces nothing
//
// Every control belongs to one key of the state. Its change(state), if it has one, adapts other
// keys when the reader moves it; all controls follow. A Reset button is added by itself. Nothing
// moves unless the reader moves it, so there is nothing to switch off for prefers-reduced-motion.

function createFigure() {
  const body = element("div", { class: "ac-live" });
  const shows = []; // of each control: it shows what the state says
  const state = {};
  let render = null;
  let timer = 0;
  const sentence = element("p", { class: "ac-sentence" });
  // A second copy, because a region that changes at every pixel of a slider is never read out.
  const status = element("p", { class: "ac-hidden", role: "status" });

  function draw() {
    shows.forEach((show) => show());
    sentence.textContent = render(state);
  }

  function refresh(heard = String) {
    draw();
    if (!heard) {
      return;
    }
    const text = heard(sentence.textContent);
    clearTimeout(timer);
    timer = setTimeout(() => {
      status.textContent = text;
    }, 400);
  }

  // Within its label, a control needs no id, and the same figure may stand in a page twice.
  function control(key, input, show, read, change, ...content) {
    input.dataset.key = key;
    shows.push(show);
    input.addEventListener("input", () => {
      state[key] = read();
      change?.(state);
      refresh();
    });
    return element("label", { class: "ac-control" }, ...content);
  }

  const figure = {
    slider(key, { label, values, min = 0, max = values?.length - 1, step = 1, format = String,
      change }) {
      const largest = typeof max === "function" ? max : () => max;
      const input = element("input", { type: "range", min, step });
      const shown = element("span", { class: "ac-value", "aria-hidden": "true" });
      return control(key, input, () => {
        input.max = largest(state);
        input.value = values?.indexOf(state[key]) ?? state[key];
        shown.textContent = format(state[key]);
        input.setAttribute("aria-valuetext", shown.textContent);
      }, () => values?.[input.value] ?? Number(input.value), change, label, input, shown);
    },

    choice(key, { label, options, change }) {
      const input = element("select", {},
        ...options.map(([, text], place) => element("option", { value: place }, text)));
      return control(key, input, () => {
        input.value = options.findIndex(([value]) => value === state[key]);
      }, () => options[Number(input.value)][0], change, label, input);
    },

    checkbox(key, { label }) {
      const input = element("input", { type: "checkbox" });
      return control(key, input, () => {
        input.checked = state[key];
      }, () => input.checked, null, input, label);
    },

    text(key, { label }) {
      const input = element("textarea", { rows: 3, spellcheck: "false" });
      const box = control(key, input, () => {
        if (input.value !== state[key]) {
          input.value = state[key]; // which moves the cursor to the end
        }
      }, () => input.value, null, label, input);
      box.classList.add("ac-wide");
      return box;
    },

    button(label, action, heard) {
      const button = element("button", { type: "button" }, label);
      button.addEventListener("click", () => {
        action(state);
        refresh(heard);
      });
      return button;
    },

    group: (...nodes) => element("div", { class: "ac-controls" }, ...nodes),
    add: (...nodes) => body.append(...nodes),

    run(initial, drawState) {
      render = drawState;
      Object.assign(state, initial);
      const reset = figure.button(tr("Reset"), () => Object.assign(state, initial),
        (text) => tr("Reset. {sentence}", { sentence: text }));
      reset.className = "ac-reset";
      body.append(status, reset);
      // JupyterLab takes letters for commands (D, D deletes a cell) unless a control says this.
      body.querySelectorAll("button, input, select, textarea").forEach((control) => {
        control.dataset.lmSuppressShortcuts = "true";
      });
      draw();
    },

    body, sentence, state, refresh,
  };
  return figure;
}

// Put the live figure where the still picture is. If a script fails, the picture stays.
function begin(root, build, data) {
  const still = root.querySelector(".ac-still");
  try {
    const figure = createFigure();
    build(figure, data);
    still.replaceWith(figure.body);
  } catch (problem) {
    still.querySelector(".ac-note").textContent = tr("This figure could not start in your " +
      "browser, so you see its first state as a still picture ({problem}).",
    { problem: problem.message });
  }
}

// A notebook may show the same output twice, each time with its script, and may run the script
// before the output is in the page. So a script starts the first figure that has not begun.
function start(id, build, data) {
  const next = () => {
    const root = document.querySelector(`[id="${id}"]:not([data-begun])`);
    if (root) {
      root.dataset.begun = "";
      begin(root, build, data);
    }
    return root;
  };
  if (document.readyState === "loading") {
    // A page that is still coming in shows its text first.
    document.addEventListener("DOMContentLoaded", () => setTimeout(next));
  } else if (!next()) {
    new MutationObserver((_, observer) => next() && observer.disconnect())
      .observe(document, { childList: true, subtree: true });
  }
}
