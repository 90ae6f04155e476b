// What every figure draws and writes with; nothing here knows of its controls (see figure.js).
//
//   fixed, magnitude, powerOfTen, plain, vector  numbers as text
//   softmax, dot, weightedSum, total, recurrent  arithmetic on lists
//   quoted, listed, phrase, indexed           words
//   element, drawing, note                    nodes of the page
//   bars({labels, label, digits})             bars from 0 to 1 with their numbers, .set(values)
//   table({caption, columns})                 a table, .set(rows, marked)
//   heatmap({caption, corner, rows, columns}) a matrix of shaded cells, .set(matrix, marked)
//   shadedText({digits})                      a text with shaded words, .set(pieces)
//   plot({height, width})                     lines, bars and points over axes, .set({...})
//
// Each of the last five is an object whose .node goes into the figure. Colours are names of
// attention_course.display.plots.COLOURS, or "text" for the colour of the text around.

const SVG = "http://www.w3.org/2000/svg";

// --- numbers ----------------------------------------------------------------------------------

// Fixed decimals with a real minus sign, rounded as Python's f"{value:.2f}" does: to the nearest,
// and of two equally near to the even one, where toFixed takes the larger.
function fixed(value, digits) {
  const size = Math.abs(value);
  const exact = size.toFixed(digits + 40);
  const shorter = exact.slice(0, -40).replace(/\.$/, "");
  const halfway = /^50*$/.test(exact.slice(-40));
  const text = halfway && Number(shorter.at(-1)) % 2 === 0 ? shorter : size.toFixed(digits);
  return (value < 0 && Number(text) !== 0 ? "\u2212" : "") + text;
}

// A number that is not negative, of any size: fixed decimals from 0.001 up to a million, powers of
// ten beyond.
function magnitude(value, digits, most = 1e6) {
  if (value === 0 || (value >= 0.001 && value < most)) {
    return fixed(value, digits);
  }
  const [leading, exponent] = value.toExponential(2).split("e");
  return `${leading} × ${powerOfTen(Number(exponent))}`;
}

function powerOfTen(exponent) {
  const raised = [...String(exponent)].map((sign) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[sign] ?? "⁻");
  return exponent ? `10${raised.join("")}` : "1";
}

// A number as it is, with a real minus sign.
function plain(value) {
  return String(value).replace("-", "\u2212");
}

// "(0.64, 0.80)"; without digits the numbers as they are: "(2, 0, 2)".
function vector(values, digits = null) {
  const text = values.map((value) => (digits === null ? plain(value) : fixed(value, digits)));
  return `(${text.join(", ")})`;
}

// Softmax over a list, stable for large scores; an entry of -Infinity gets exactly 0, and a list
// of nothing else gives zeros (attention_course.functional does the same).
function softmax(scores) {
  const largest = Math.max(...scores);
  const powers = scores.map((score) => (score === -Infinity ? 0 : Math.exp(score - largest)));
  const sum = total(powers) || 1;
  return powers.map((power) => power / sum);
}

function total(values) {
  return values.reduce((sum, value) => sum + value, 0);
}

// A loop, because a figure may ask for it a hundred thousand times at each stroke of a key.
function dot(left, right) {
  let sum = 0;
  for (let place = 0; place < left.length; place += 1) {
    sum += left[place] * right[place];
  }
  return sum;
}

// The mixture of vectors: weights[0] * vectors[0] + weights[1] * vectors[1] + ... A row vector
// times a matrix is the mixture of the matrix's rows.
function weightedSum(weights, vectors) {
  return vectors[0].map((_, entry) => dot(weights, vectors.map((row) => row[entry])));
}

// The states of h_t = f(drive_t + h_(t-1) U), from a state of zeros.
function recurrent(drive, U, f) {
  let state = U.map(() => 0);
  return drive.map((word) => {
    state = weightedSum([1, ...state], [word, ...U]).map((value) => f(value));
    return state;
  });
}

// --- words ------------------------------------------------------------------------------------

function quoted(text) {
  return tr("“{text}”", { text });
}

function listed(items) {
  return items.length < 2
    ? items.join("")
    : tr("{most} and {last}", { most: items.slice(0, -1).join(", "), last: items.at(-1) });
}

// A sentence with nodes in its places: phrase(tr("weight {a}"), { a: indexed("α", "j") }).
function phrase(sentence, values) {
  return element("span", {}, ...sentence.split(/\{(\w+)\}/).map((part, place) =>
    (place % 2 ? values[part].cloneNode?.(true) ?? values[part] : part)));
}

// A letter with an index below it, such as W with Q.
function indexed(letter, index) {
  return element("span", {}, letter, element("sub", {}, index));
}

// --- nodes ------------------------------------------------------------------------------------

// A new element; children are nodes or strings. Text is always set as text, never as HTML.
function element(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

function drawing(tag, attributes, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) {
      node.setAttribute(name, value === true ? "" : value);
    }
  }
  node.append(...children);
  return node;
}

function note(text = "") {
  return element("p", { class: "ac-note" }, text);
}

// --- bars, tables, shades ---------------------------------------------------------------------

// Horizontal bars, each a share of 1. NaN is masked.
function bars({ labels, label, digits = 3 }) {
  const node = element("ul", { class: "ac-bars", "aria-label": label });
  return {
    node,
    set: (values) => node.replaceChildren(...values.map((value, place) =>
      element("li", {}, element("span", {}, labels[place]), " ",
        element("span", { class: "ac-number" }, shownOrMasked(value, digits)),
        element("span", { class: "ac-track", "aria-hidden": "true" },
          element("span", { class: "ac-bar", style: `width: ${100 * (value || 0)}%` }))))),
  };
}

function shownOrMasked(value, digits) {
  return Number.isNaN(value) ? tr("masked") : fixed(value, digits);
}

// A table in a box of its own that scrolls sideways; a keyboard reaches it when it has to.
function table({ caption, columns }) {
  const body = element("tbody", {});
  const content = element("table", {}, element("caption", {}, caption), element("thead", {},
    element("tr", {}, ...columns.map((name) => element("th", { scope: "col" }, name)))), body);
  const box = element("div", { class: "ac-scroll", role: "region", "aria-label": caption }, content);
  const hint = element("p", { class: "ac-hint", hidden: true },
    tr("Scroll the table sideways to see all of its columns."));
  // As much as the space beside the last number: so far, nothing is out of sight.
  const spare = 6;
  const widths = new ResizeObserver(() => {
    hint.hidden = box.scrollWidth <= box.clientWidth + spare;
    if (hint.hidden) {
      box.removeAttribute("tabindex");
    } else {
      box.tabIndex = 0;
    }
  });
  // The box when the window changes, the table when its numbers grow.
  widths.observe(box);
  widths.observe(content);
  return {
    node: element("div", {}, box, hint),
    // The first cell of a row names it; `marked` is the number of a row to point out.
    set(rows, marked = -1) {
      body.replaceChildren(...rows.map(([name, ...cells], place) =>
        element("tr", { class: place === marked ? "ac-marked" : null },
          element("th", { scope: "row" }, name),
          ...cells.map((cell) => element("td", {}, cell)))));
    },
  };
}

// What makes a weight visible: the more of it, the more colour; below zero the other colour.
function shade(share) {
  const size = Math.min(Math.abs(share), 1) || 0;
  return { style: `--ac-share: ${size.toFixed(4)}`, "data-negative": share < 0 };
}

// A matrix: queries are rows, keys are columns. NaN is masked. More than ten columns have room for
// colours only; a screen reader still reads their numbers.
function heatmap({ caption, corner, rows, columns }) {
  const cells = table({ caption, columns: [corner, ...columns] });
  const number = columns.length > 10 ? "ac-hidden" : null;
  return {
    node: cells.node,
    set(matrix, marked) {
      cells.set(matrix.map((values, row) => [rows[row], ...values.map((value) =>
        element("span", { class: "ac-shaded", ...shade(value) },
          element("span", { class: number }, shownOrMasked(value, 3))))]), marked);
    },
  };
}

// A text: strings stand as they are, and of {text, weight, remark} each word is shaded, the largest
// weight most. A remark, such as "unknown", is said and shown by a dotted line. Up to thirty words
// have their numbers below.
function shadedText({ digits }) {
  const node = element("p", { class: "ac-text" });
  return {
    node,
    set(pieces) {
      const words = pieces.filter((piece) => typeof piece !== "string");
      const largest = Math.max(...words.map(({ weight }) => Math.abs(weight)));
      node.classList.toggle("ac-numbered", words.length <= 30);
      node.replaceChildren(...pieces.map((piece) => (typeof piece === "string" ? piece : element(
        "span", { class: "ac-word", title: fixed(piece.weight, digits),
          "data-weight": piece.weight, "data-shown": fixed(piece.weight, 2),
          "data-remark": piece.remark, ...shade(piece.weight / largest) },
        piece.text, ...(piece.remark
          ? [element("span", { class: "ac-hidden" }, ` (${piece.remark})`)] : [])))));
    },
  };
}

// --- plots ------------------------------------------------------------------------------------

function paint(colour) {
  return colour === "text" ? "currentColor" : `var(--ac-${colour})`;
}

// Nodes with a zero of their own: across in per cent of the drawing's width, down in pixels. So
// words and strokes keep their size on every screen.
function at(across, down, ...children) {
  return drawing("svg", { x: `${across}%`, y: down, overflow: "visible" }, ...children);
}

function label(text, attributes) {
  return drawing("text", { "text-anchor": "middle", ...attributes }, text);
}

const BAR = 0.72; // its width, where bars stand 1 apart

// The shapes of a plot. `points` are pairs of numbers, `place` turns one into [per cent, pixels].
const SHAPES = {
  line({ points, colour, width = 2, dash = null, fill = "none" }, place, height) {
    const corners = points.map((point) => {
      const [across, down] = place(point);
      return `${across.toFixed(3)},${((100 * down) / height).toFixed(3)}`;
    });
    return drawing("svg", { viewBox: "0 0 100 100", preserveAspectRatio: "none" },
      drawing("polyline", { points: corners.join(" "), fill, "fill-opacity": 0.14,
        stroke: paint(colour), "stroke-width": width, "stroke-dasharray": dash,
        "stroke-linecap": dash ? null : "round", "vector-effect": "non-scaling-stroke" }));
  },
  bars({ points, colour }, place) {
    return points.map(([middle, value]) => {
      const [left, end] = place([middle - BAR / 2, value]);
      const [right, zero] = place([middle + BAR / 2, 0]);
      return drawing("rect", { x: `${left}%`, width: `${right - left}%`, y: Math.min(end, zero),
        height: Math.abs(end - zero), fill: paint(colour) });
    });
  },
  // Short horizontal lines where bars would end.
  levels({ points, colour }, place) {
    return points.map(([middle, value]) => {
      const [left, y] = place([middle - BAR / 2, value]);
      const [right] = place([middle + BAR / 2, value]);
      return drawing("line", { x1: `${left}%`, x2: `${right}%`, y1: y, y2: y,
        stroke: paint(colour), "stroke-width": 1.5 });
    });
  },
  // A disc or a diamond, filled or hollow, with a name beside it.
  points({ points, colour, diamond = false, hollow = false, name, dx = 0, dy = 0, anchor }, place) {
    const look = { fill: hollow ? "none" : paint(colour), stroke: paint(colour),
      "stroke-width": 2 };
    return points.map((point) => at(...place(point),
      diamond ? drawing("path", { d: "M-9 0 0-9 9 0 0 9z", ...look })
        : drawing("circle", { r: 7, ...look }),
      ...(name ? [label(name, { x: dx, y: dy, "text-anchor": anchor })] : [])));
  },
};

// The tables of a figure say the same in numbers, so a screen reader skips the plot.
//
//   set({x, y, series, marks})
//     x, y     {label, from, to, ticks}: an axis, its name and the places where a number stands;
//              both may have a format, and y may be {log: true}
//     series   [{shape: "line" | "bars" | "levels" | "points", points, colour, name, ...}]
//     marks    places on the x axis to point out by dashed lines
//
// Lines that have a name are explained above the plot.
function plot({ height, width }) {
  const legend = element("div", { class: "ac-legend" });
  const svg = drawing("svg", { class: "ac-plotted", height, fill: "currentColor" });
  const scaled = ({ from, to, log }, value) => {
    const [low, high, here] = [from, to, value].map(log ? Math.log10 : Number);
    return (here - low) / (high - low);
  };
  const across = (x1, x2, y, look) =>
    drawing("line", { x1, x2, y1: y, y2: y, stroke: "currentColor", ...look });
  return {
    node: element("div", { class: "ac-chart", "aria-hidden": "true",
      style: `max-width: ${width}px` }, legend, svg),
    set({ x, y, series, marks = [] }) {
      const place = ([a, b]) => [100 * scaled(x, a), height * (1 - scaled(y, b))];
      const zero = y.log ? 1 : 0;
      legend.replaceChildren(...series.filter(({ shape, name }) => shape === "line" && name)
        .map(({ name, colour, width: stroke, dash }) => element("span", {},
          drawing("svg", { width: 36, height: 10 }, across(0, 36, 5, {
            stroke: paint(colour), "stroke-width": stroke, "stroke-dasharray": dash })), name)));
      svg.style.marginTop = y.label ? "2.2em" : "1em";
      svg.style.marginBottom = x.label ? "3.4em" : "2em";
      svg.replaceChildren(
        ...y.ticks.flatMap((tick) => {
          const [, down] = place([x.from, tick]);
          return [
            across("0", "100%", down, tick === zero ? { "stroke-width": 1.2 }
              : { "stroke-width": 0.8, "stroke-opacity": 0.35 }),
            label((y.format ?? plain)(tick), { x: -8, y: down + 5, "text-anchor": "end" }),
          ];
        }),
        ...marks.map((mark) => at(place([mark, y.from])[0], 0, drawing("line", { y1: -8,
          y2: height + 6, stroke: "currentColor", "stroke-dasharray": "5 4" }))),
        ...series.flatMap((part) => SHAPES[part.shape](part, place, height)),
        ...x.ticks.map((tick) => label((x.format ?? plain)(tick), {
          x: `${place([tick, y.from])[0]}%`, y: height + 20,
          "font-weight": marks.includes(tick) ? 700 : null,
          // Two marked numbers side by side lean away from each other.
          "text-anchor": !marks.includes(tick) ? "middle"
            : marks.includes(tick + 1) ? "end" : marks.includes(tick - 1) ? "start" : "middle" })),
        label(x.label ?? "", { x: "50%", y: height + 40 }),
        label(y.label ?? "", { x: 0, y: -12, "text-anchor": "start", "font-weight": 600 }));
    },
  };
}
