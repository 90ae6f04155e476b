// Chapter 8: a translation is written word by word, and the weights of each step become a row of a
// growing heat map. What the models wrote is recorded (experiments/translations.py); the page finds
// the links and their error rate, as attention_course/functional/alignment.py does.

const DIGITS = 3;
const END = "[end]";
const NONE = "none"; // no second score

// The source place that a row of weights links to: that of the largest one, the first of equals;
// -1 where it is the end mark, which is no link.
function linkOf(weights) {
  const best = weights.indexOf(Math.max(...weights));
  return best < weights.length - 1 ? best : -1;
}

// Och and Ney (2003), equation 25, with each of its counts. `found` holds the link of every written
// word, `reference` for every word a Map: source place -> "sure" or "possible".
function alignmentErrorRate(found, reference) {
  const kinds = found.map((place, row) => reference[row].get(place));
  const links = found.filter((place) => place >= 0).length;
  const sure = reference.flatMap((row) => [...row.values()].filter((kind) => kind === "sure")).length;
  const hits = kinds.filter((kind) => kind === "sure").length;
  const allowed = kinds.filter(Boolean).length;
  const all = links + sure;
  return { links, sure, hits, allowed, rate: all ? 1 - (hits + allowed) / all : 0 };
}

// What one model wrote for one sentence, and how far it agrees with the reference.
function read({ target, sure, possible, translations }, score) {
  const { likeliest, weights, right } = translations[score];
  const words = likeliest.map(([[word]]) => word); // the likeliest one was written
  const wrong = words.findIndex((word, row) => word !== [...target, END][row]);
  // Links of the reference belong to its words: they say nothing of others.
  const agreed = Math.min(wrong < 0 ? words.length : wrong, target.length);
  const reference = target.slice(0, agreed).map((_, row) => new Map(
    Object.entries({ possible, sure }).flatMap(([kind, links]) =>
      links.filter(([, j]) => j === row).map(([i]) => [i, kind]))));
  const share = (thousandths) => thousandths / 1000;
  return {
    words, right, agreed, reference,
    likeliest: likeliest.map((row) => row.map(([word, thousandths]) => [word, share(thousandths)])),
    weights: weights?.map((row) => row.map(share)),
    links: weights?.map((row, place) => (words[place] === END ? -1 : linkOf(row))),
  };
}

function named(words, place) {
  return words[place] === END ? tr("the end mark")
    : tr("{word} (word {place})", { word: quoted(words[place]), place: place + 1 });
}

// What was written at a step, and where its largest weight lies.
function describeStep({ words, likeliest, weights, reference }, source, row) {
  const [[word, probability]] = likeliest[row];
  const said = [tr("Step {step} wrote {word} with probability {probability}.",
    { step: row + 1, word: quoted(word), probability: fixed(probability, DIGITS) })];
  if (weights) {
    const largest = Math.max(...weights[row]);
    const place = weights[row].indexOf(largest);
    const values = { weight: fixed(largest, DIGITS), source: named(source, place) };
    said.push(largest === Math.min(...weights[row])
      ? tr("All places had the same weight, {weight}.", values)
      : {
        sure: tr("Its largest weight, {weight}, lay on {source}: a sure link.", values),
        possible: tr("Its largest weight, {weight}, lay on {source}: a possible link.", values),
        none: tr("Its largest weight, {weight}, lay on {source}: the reference has no such link.",
          values),
        unknown: tr("Its largest weight, {weight}, lay on {source}.", values),
      }[kindOf(reference, row, place)]);
  }
  return said.join(" ");
}

// Of a cell: "sure", "possible", "none" or, where there is no reference, "unknown".
function kindOf(reference, row, place) {
  return reference[row] ? reference[row].get(place) ?? "none" : "unknown";
}

// The state of one model, after `count` steps of its own.
function describe(found, source, target, count) {
  const said = count ? [describeStep(found, source, count - 1)] : [tr("Nothing is written yet.")];
  if (count === found.words.length) {
    said.push(found.right ? tr("The translation is complete and right, word for word.")
      : tr("The translation is complete and wrong. The reference is {target}.",
        { target: quoted(target.join(" ")) }));
  }
  return said.join(" ");
}

function describeCell({ words, weights, reference }, source, row, place) {
  const values = { word: named(words, row), source: named(source, place),
    weight: fixed(weights[row][place], DIGITS) };
  return {
    sure: tr("When {word} was written, {source} had the weight {weight}. The reference has a " +
      "sure link here.", values),
    possible: tr("When {word} was written, {source} had the weight {weight}. The reference has a " +
      "possible link here.", values),
    none: tr("When {word} was written, {source} had the weight {weight}. The reference has no " +
      "link here.", values),
    unknown: tr("When {word} was written, {source} had the weight {weight}.", values),
  }[kindOf(reference, row, place)];
}

// The error rate with its counts, of the words that agree with the reference so far: nodes.
function describeError({ words, right, agreed, reference, links }, count) {
  const rows = Math.min(count, agreed);
  const { rate, ...counts } = alignmentErrorRate(links.slice(0, rows), reference.slice(0, rows));
  // Lines break before an equals sign only.
  const parts = [
    "1 − (|A∩S| + |A∩P|) / (|A| + |S|)",
    `= 1 − (${counts.hits} + ${counts.allowed}) / (${counts.links} + ${counts.sure})`,
    `= ${fixed(rate, DIGITS)}`,
  ].flatMap((part) => [" ", element("span", { class: "ac-unbroken" }, part)]);
  return [
    ...(rows ? [right && count === words.length ? tr("Alignment error rate of this sentence:")
      : trn("Alignment error rate of the first word:",
        "Alignment error rate of the first {count} words:", rows), ...parts] : []),
    ...(!right && count > agreed
      ? [" ", tr("From step {step} on the translation departs from the reference, whose links say " +
        "nothing of other words.", { step: agreed + 1 })] : []),
  ];
}

// A cell of the heat map: its weight as colour, its link as a frame, a dot if it is the largest.
function cell(weight, kind, largest) {
  const number = fixed(weight, DIGITS);
  const told = { sure: tr("{number}, sure link", { number }),
    possible: tr("{number}, possible link", { number }) };
  return element("span", { class: "ac-shaded", ...shade(weight),
    "data-link": told[kind] ? kind : null, "data-largest": largest },
  element("span", { class: "ac-hidden" }, told[kind] ?? number));
}

// A table whose cells are reached by arrow keys, as in a spreadsheet: one of them is a stop of the
// Tab key. `point(row, column, heard)` is called when one of them is pointed at or gets the focus
// (heard), and without numbers afterwards; column -1 is the name of a row.
function makeGrid(content, point) {
  const cellAt = (row, column) => content.tBodies[0].rows[row]?.cells[column];
  const places = (target) => {
    const found = target.closest("tbody th, tbody td");
    return found && [found.parentNode.sectionRowIndex, found.cellIndex];
  };
  const focused = () => content.contains(document.activeElement) && document.activeElement;
  const pointAt = (target, heard) => {
    const found = places(target);
    if (found) {
      point(found[0], found[1] - 1, heard);
    }
  };
  const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1],
    Home: [0, -Infinity], End: [0, Infinity] };
  content.setAttribute("role", "grid");
  content.dataset.lmSuppressShortcuts = "true"; // as figure.js says of controls
  [...content.tBodies[0].rows].forEach((row) => [...row.cells].forEach((one) => {
    one.tabIndex = -1;
  }));
  cellAt(content.tBodies[0].rows.length - 1, 0).tabIndex = 0;
  content.addEventListener("keydown", (event) => {
    const [row, column] = places(event.target) ?? [];
    const [down, right] = moves[event.key] ?? [];
    if (row === undefined || down === undefined) {
      return;
    }
    event.preventDefault();
    const last = content.tBodies[0].rows[row].cells.length - 1;
    const next = cellAt(row + down, Math.min(Math.max(column + right, 0), last));
    next?.focus();
  });
  content.addEventListener("focusin", ({ target }) => {
    content.querySelector("[tabindex='0']").tabIndex = -1;
    target.tabIndex = 0;
    pointAt(target, true);
  });
  content.addEventListener("focusout", ({ relatedTarget }) => {
    if (!content.contains(relatedTarget)) {
      point();
    }
  });
  content.addEventListener("pointerover", ({ target }) => pointAt(target, false));
  content.addEventListener("pointerleave", () =>
    (focused() ? pointAt(focused(), false) : point()));
}

// One model at work. show(score, count, gold, at) draws it after so many steps, `at` being the
// [row, column] pointed at, and returns a sentence.
function createPanel(figure, data, place) {
  const written = note();
  const [link, step, error] = [note(), note(), note()];
  const [map, candidates] = [element("div", { class: "ac-map" }), element("div", {})];
  const node = element("div", {}, written, element("div", { class: "ac-pair" }, map,
    element("div", { class: "ac-side" }, link, step, candidates, error)));
  let drawn = null;

  function drawMap(found, source, count, gold, name) {
    const caption = place ? tr("For comparison: weights, {score}", { score: name })
      : tr("Weights, {score}", { score: name });
    const heat = table({ caption, columns: [tr("written"),
      ...source.map((word) => element("span", { class: "ac-upright" }, word))] });
    heat.set(found.words.slice(0, count).map((word, row) => [word,
      ...found.weights[row].map((weight, column) => cell(weight,
        gold ? kindOf(found.reference, row, column) : null, column === found.links[row]))]));
    map.replaceChildren(heat.node);
    map.style.setProperty("--ac-columns", source.length);
    const content = map.querySelector("table");
    if (count) {
      makeGrid(content, (row, column, heard) => {
        figure.state.at = row === undefined ? null : { place, row, column };
        figure.refresh(heard ? () => link.textContent : null);
      });
    }
  }

  return {
    node,
    show({ sentence: number, count: steps, gold, at }, score) {
      const { source, target } = data.sentences[number];
      const places = [...source, END];
      const found = read(data.sentences[number], score);
      const count = Math.min(steps, found.words.length);
      const pointed = at?.place === place ? at : null;
      const row = pointed?.row ?? count - 1;
      const name = data.scores[score];
      const words = found.words.slice(0, count).filter((word) => word !== END);
      written.replaceChildren(phrase(tr("{score}: {words}"), { score: element("strong", {}, name),
        words: count ? quoted(words.join(" ")) : tr("nothing yet") }));
      step.textContent = count
        ? tr("The likeliest words at step {step}:", { step: row + 1 }) : "";
      const likeliest = count ? found.likeliest[row] : [];
      const shares = bars({ labels: likeliest.map(([word]) => word), label: tr("Probabilities"),
        digits: DIGITS });
      shares.set(likeliest.map(([, probability]) => probability));
      candidates.replaceChildren(shares.node);
      map.hidden = link.hidden = error.hidden = !found.weights;
      if (found.weights) {
        // Drawn anew only when it has to be, for a cell that has the focus would lose it.
        const now = [number, score, count, gold].join();
        if (drawn !== now) {
          drawMap(found, places, count, gold, name);
          drawn = now;
        }
        [...map.querySelectorAll("tbody tr")].forEach((one, index) =>
          one.classList.toggle("ac-marked", index === row));
        [...map.querySelectorAll("thead th")].forEach((head, index) =>
          head.classList.toggle("ac-pointed", index > 0 && index - 1 === pointed?.column));
        const hint = place ? ""
          : tr("Point at a cell, or go to it with the arrow keys, to read its weight and its link.");
        link.textContent = !pointed ? hint
          : pointed.column < 0 ? describeStep(found, places, row)
            : describeCell(found, places, row, pointed.column);
        error.replaceChildren(...describeError(found, count));
      }
      return describe(found, places, target, count);
    },
  };
}

function build(figure, data) {
  const { sentences, scores, start } = data;
  const shown = ({ score, other }) => [score, other].filter((name) => name !== NONE);
  const last = (state) => Math.max(...shown(state).map((score) =>
    sentences[state.sentence].translations[score].likeliest.length));
  const go = (where) => (state) => {
    state.count = Math.min(Math.max(where(state), 0), last(state));
    state.at = null;
  };
  const forget = go(({ count }) => count);
  const previous = figure.button(tr("Previous"), go(({ count }) => count - 1));
  const next = figure.button(tr("Next word"), go(({ count }) => count + 1));
  const all = figure.button(tr("All words"), go(last));
  const options = Object.entries(scores);
  const panels = [0, 1].map((place) => createPanel(figure, data, place));
  const source = note();
  figure.add(
    figure.group(
      figure.choice("sentence", { label: tr("Sentence"), change: go(() => 0),
        options: sentences.map(({ label }, place) => [place, label]) }),
      figure.choice("score", { label: tr("Score"), options, change: forget }),
      figure.choice("other", { label: tr("Compare with"), change: forget,
        options: [[NONE, tr("nothing")], ...options] }),
      figure.checkbox("gold", { label: tr("show the links of the reference") })),
    source,
    figure.group(previous, next, all, figure.slider("count", { label: tr("Steps"), max: last,
      change: forget,
      format: (count) => tr("{count} of {all}", { count, all: last(figure.state) }) })),
    figure.sentence, ...panels.map(({ node }) => node),
    note(tr("The more colour, the more weight; a dot marks the largest weight of a row, the link " +
      "that is drawn. A solid frame is a sure link of the reference, a dashed frame a possible " +
      "one.")));

  figure.run({ ...start, other: NONE, gold: true, at: null }, (state) => {
    const names = shown(state);
    // Not `disabled`: a button that loses its focus sends a keyboard back to the top.
    previous.setAttribute("aria-disabled", state.count === 0);
    [next, all].forEach((button) =>
      button.setAttribute("aria-disabled", state.count === last(state)));
    source.textContent = tr("English: {words}",
      { words: quoted(sentences[state.sentence].source.join(" ")) });
    panels[1].node.hidden = names.length < 2;
    const said = names.map((name, place) => panels[place].show(state, name));
    return names.length < 2 ? said[0]
      : names.map((name, place) =>
        tr("{score}: {sentence}", { score: scores[name], sentence: said[place] })).join(" ");
  });
}
