// The frame of every interactive figure. A figure's own script defines
//
//   function build(figure, data)
//
// and uses what is offered here:
//
//   figure.slider(key, {label, min, max, step, format, change})  a native range input
//   figure.choice(key, {label, options: [[value, text], ...], change})  a native select
//   figure.checkbox(key, {label, change})
//   figure.text(key, {label, rows})                           a native text area
//   figure.button(label, action)   action(state) changes the state; the picture follows
//   figure.group(control, ...)                                controls beside each other
//   figure.bars({labels, label, digits, limit})               bars with their numbers, .set(values)
//   figure.table({caption, columns})                          a table, .set(rows)
//   figure.note()                                             a paragraph, .textContent
//   figure.add(node, ...)          puts nodes (or groups of controls) into the figure, in order
//   figure.run(initial, render)    starts; render(state) draws and returns one sentence, which is
//                                  shown and announced to screen readers
//   figure.sentence                where it is shown: add it, or it follows at the end
//
// and fixed, magnitude, vector (numbers as text), softmax, dot, weightedSum.
//
// Every control belongs to one key of the state. Its change(state), if it has one, adapts other
// keys when the reader moves it; all controls follow. A Reset button is added by itself. Nothing
// moves unless the reader moves it, so there is nothing to switch off for prefers-reduced-motion.

const SVG = "http://www.w3.org/2000/svg";

// A new element; children are nodes or strings. Text is always set as text, never as HTML.
function element(tag, attributes, ...children) {
  const node = document.createElement(tag);
  return fill(node, attributes, children);
}

// A letter with an index below it, such as W with Q.
function indexed(letter, index) {
  return element("span", {}, letter, element("sub", {}, index));
}

function drawing(tag, attributes, ...children) {
  const node = document.createElementNS(SVG, tag);
  return fill(node, attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value !== null && value !== false) {
      node.setAttribute(name, value === true ? "" : value);
    }
  }
  node.append(...children);
  return node;
}

// Fixed decimals with a real minus sign, rounded as Python's f"{value:.2f}" does: to the nearest,
// and of two equally near to the even one, where toFixed takes the larger.
function fixed(value, digits) {
  const size = Math.abs(value);
  const more = 40;
  const exact = size.toFixed(digits + more);
  const shorter = exact.slice(0, -more).replace(/\.$/, "");
  const halfway = /^50*$/.test(exact.slice(-more));
  const text = halfway && Number(shorter.at(-1)) % 2 === 0 ? shorter : size.toFixed(digits);
  return (value < 0 && Number(text) !== 0 ? "\u2212" : "") + text;
}

// Softmax over a list, stable for large scores; an entry of -Infinity gets exactly 0, and a list
// of nothing else gives zeros (attention_course.functional does the same).
function softmax(scores) {
  const largest = Math.max(...scores);
  if (largest === -Infinity) {
    return scores.map(() => 0);
  }
  const powers = scores.map((score) => Math.exp(score - largest));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

// A number that is not negative, of any size: fixed decimals from 0.001 up to a million, powers of
// ten beyond.
function magnitude(value, digits) {
  if (value === 0 || (value >= 0.001 && value < 1e6)) {
    return fixed(value, digits);
  }
  const [leading, exponent] = value.toExponential(2).split("e");
  const raised = [...String(Number(exponent))].map((sign) =>
    (sign === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[sign]));
  return `${leading} × 10${raised.join("")}`;
}

// "(0.64, 0.80)"; without digits the numbers as they are: "(2, 0, 2)".
function vector(values, digits = null) {
  const text = values.map((value) =>
    (digits === null ? String(value).replace("-", "\u2212") : fixed(value, digits)));
  return `(${text.join(", ")})`;
}

function dot(left, right) {
  return left.reduce((sum, value, place) => sum + value * right[place], 0);
}

// The mixture of vectors: weights[0] * vectors[0] + weights[1] * vectors[1] + ...
function weightedSum(weights, vectors) {
  return vectors[0].map((_, entry) => dot(weights, vectors.map((row) => row[entry])));
}

function createFigure(root) {
  const body = element("div", { class: "ac-live" });
  const controls = [];
  const state = {};
  let render = null;
  let count = 0;
  let timer = 0;
  const sentence = element("p", { class: "ac-sentence" });
  // A second copy, because a region that changes at every pixel of a slider is never read out.
  const status = element("p", { class: "ac-hidden", role: "status" });

  function newId() {
    count += 1;
    // Not just the count: "fig-name-2" is the name of a second figure of this kind.
    return `${root.id}-control-${count}`;
  }

  function draw(prefix) {
    const text = render(state);
    sentence.textContent = text;
    clearTimeout(timer);
    timer = setTimeout(() => {
      status.textContent = (prefix || "") + text;
    }, 400);
  }

  function refresh(prefix) {
    controls.forEach((control) => control.read());
    draw(prefix);
  }

  function bind(key, read, input, event, value, change) {
    controls.push({ read });
    input.addEventListener(event, () => {
      state[key] = value();
      if (change) {
        change(state);
      }
      refresh();
    });
  }

  return {
    slider(key, { label, min, max, step, format = String, change = null }) {
      const id = newId();
      const input = element("input", { type: "range", id, min, max, step, "data-key": key });
      // Not <output>: that is a live region and would speak at every step.
      const shown = element("span", { class: "ac-value", "aria-hidden": "true" });
      bind(key, () => {
        input.value = state[key];
        shown.textContent = format(state[key]);
        input.setAttribute("aria-valuetext", format(state[key]));
      }, input, "input", () => Number(input.value), change);
      return element("div", { class: "ac-control" },
        element("label", { for: id }, label), input, shown);
    },

    choice(key, { label, options, change = null }) {
      const id = newId();
      const input = element("select", { id, "data-key": key },
        ...options.map(([, text], place) => element("option", { value: place }, text)));
      bind(key, () => {
        input.value = options.findIndex(([value]) => value === state[key]);
      }, input, "change", () => options[Number(input.value)][0], change);
      return element("div", { class: "ac-control" }, element("label", { for: id }, label), input);
    },

    checkbox(key, { label, change = null }) {
      const id = newId();
      const input = element("input", { type: "checkbox", id, "data-key": key });
      bind(key, () => {
        input.checked = state[key];
      }, input, "change", () => input.checked, change);
      return element("div", { class: "ac-control" }, input, element("label", { for: id }, label));
    },

    text(key, { label, rows = 4 }) {
      const id = newId();
      const input = element("textarea", { id, rows, "data-key": key, spellcheck: "false" });
      bind(key, () => {
        if (input.value !== state[key]) {
          input.value = state[key];
        }
      }, input, "input", () => input.value);
      return element("div", { class: "ac-control ac-wide" },
        element("label", { for: id }, label), input);
    },

    button(label, action) {
      const button = element("button", { type: "button" }, label);
      button.addEventListener("click", () => {
        action(state);
        refresh();
      });
      return button;
    },

    // Horizontal bars from a common zero, drawn to the largest absolute value or to `limit`.
    bars({ labels, label, digits = 3, limit = null }) {
      const list = element("ul", { class: "ac-bars", "aria-label": label });
      const rows = labels.map((name) => {
        const bar = element("span", { class: "ac-bar", "aria-hidden": "true" });
        const number = element("span", { class: "ac-number" });
        const title = element("span", { class: "ac-label" }, name);
        list.append(element("li", {}, title, " ", number,
          element("span", { class: "ac-track", "aria-hidden": "true" }, bar)));
        return { bar, number, title };
      });
      return {
        node: list,
        set(values, names = labels) {
          const finite = values.filter(Number.isFinite).map(Math.abs);
          const largest = limit || Math.max(...finite, 1e-12);
          rows.forEach((row, place) => {
            const value = values[place];
            const share = Number.isFinite(value) ? Math.min(Math.abs(value) / largest, 1) : 0;
            row.title.textContent = names[place];
            row.number.textContent = Number.isFinite(value) ? fixed(value, digits) : "masked";
            row.bar.style.width = `${100 * share}%`;
            row.bar.className = value < 0 ? "ac-bar ac-negative" : "ac-bar";
          });
        },
      };
    },

    // A table in a box of its own that scrolls sideways; a keyboard reaches it when it has to.
    table({ caption, columns }) {
      const rows = element("tbody");
      const head = element("tr", {}, ...columns.map((name) =>
        element("th", { scope: "col" }, name)));
      const table = element("table", {}, element("caption", {}, caption),
        element("thead", {}, head), rows);
      const box = element("div", { class: "ac-scroll", role: "region", "aria-label": caption },
        table);
      const hint = element("p", { class: "ac-hint", hidden: true },
        "Scroll the table sideways to see all of its columns.");
      // As much as the space beside the last number: so far, nothing is out of sight.
      const spare = 6;
      const widths = new ResizeObserver(() => {
        hint.hidden = box.scrollWidth <= box.clientWidth + spare;
        if (!hint.hidden) {
          box.tabIndex = 0;
        } else {
          box.removeAttribute("tabindex");
        }
      });
      // The box when the window changes, the table when its numbers grow.
      widths.observe(box);
      widths.observe(table);
      return {
        node: element("div", {}, box, hint),
        // The first cell of a row names it; `marked` is the number of a row to point out.
        set(content, marked = -1) {
          rows.replaceChildren(...content.map((cells, place) =>
            element("tr", { class: place === marked ? "ac-marked" : null },
              ...cells.map((cell, column) => column
                ? element("td", {}, cell)
                : element("th", { scope: "row" }, cell)))));
        },
      };
    },

    note() {
      return element("p", { class: "ac-note" });
    },

    group(...nodes) {
      return element("div", { class: "ac-controls" }, ...nodes);
    },

    add(...nodes) {
      body.append(...nodes);
    },

    run(initial, drawState) {
      const start = structuredClone(initial);
      Object.assign(state, structuredClone(start));
      render = drawState;
      const reset = element("button", { type: "button", class: "ac-reset" }, "Reset");
      reset.addEventListener("click", () => {
        Object.assign(state, structuredClone(start));
        refresh("Reset. ");
      });
      if (!body.contains(sentence)) {
        body.append(sentence);
      }
      body.append(status, reset);
      // JupyterLab takes letters for commands (D, D deletes a cell) unless a control says this.
      body.querySelectorAll("button, input, select, textarea").forEach((control) => {
        control.dataset.lmSuppressShortcuts = "true";
      });
      controls.forEach((control) => control.read());
      sentence.textContent = render(state);
    },

    body,
    sentence,
    state,
    refresh,
  };
}

// Put the live figure where the still picture is. A page that is still coming in shows its text
// first. If a script fails, the picture stays.
function start(root, build, data) {
  const begin = () => {
    const still = root.querySelector(".ac-still");
    try {
      const figure = createFigure(root);
      build(figure, data);
      still.replaceWith(figure.body);
    } catch (problem) {
      still.querySelector(".ac-note").textContent =
        "This figure could not start in your browser, so you see its first state as a still " +
        `picture (${problem.message}).`;
    }
  };
  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", () => setTimeout(begin));
  } else {
    begin();
  }
}
