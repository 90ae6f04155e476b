// Chapter 6: the weights that networks learned for two lags, beside the effect of each input.
// Nothing is computed here but what is said about the recorded runs.

const STEPS = 20;
const BLUE = "#2b83c6";
const GREY = "#7c858f";

// The lags of the `count` largest values, in order, without those below `share` of the largest
// (largest_lags in lags.py).
function largestLags(values, count, share) {
  const order = values.map((_, place) => place).sort((a, b) => values[b] - values[a]);
  const limit = share * values[order[0]];
  return order.slice(0, count).filter((place) => values[place] >= limit)
    .map((place) => place + 1).sort((a, b) => a - b);
}

function same(left, right) {
  return left.length === right.length && left.every((lag, place) => lag === right[place]);
}

// "lag 7", "lags 7 and 17", "lags 5, 6 and 7"
function named(lags) {
  const text = lags.map(String);
  return lags.length === 1
    ? `lag ${text[0]}`
    : `lags ${text.slice(0, -1).join(", ")} and ${text.at(-1)}`;
}

// Errors are recorded with three significant digits, and shown with just these.
function threeDigits(value) {
  return value.toPrecision(3);
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2;
}

// One run for one pair of lags, in the units of the page.
function look(data, kind, seed, pair, count) {
  const run = data.runs[`${kind}_${seed}`];
  const weights = run.weights[pair].map((value) => value / 1000);
  const effects = run.effects[pair].map((value) => value / 100);
  return {
    seed, weights, effects,
    error: run.error[pair],
    without: data.runs[`without_${seed}`].error[pair],
    peaks: largestLags(weights, count, data.large),
    moved: largestLags(effects, count, data.large),
  };
}

function describe(run, truth, zero, partly) {
  const there = same(run.peaks, truth);
  const [stands, weight] = run.peaks.length === 1 ? ["stands", "weight"] : ["stand", "weights"];
  const found = `The largest ${weight} ${stands} at ${named(run.peaks)}` + (there
    ? ": just where the answer comes from."
    : `, but the answer comes from ${named(truth)}. The inputs that move the prediction most are ` +
      `those at ${named(run.moved)}.`);
  // A state knows its own input and older ones, so each true lag needs a large weight at itself or
  // at a smaller lag.
  const carried = same(run.moved, truth) && run.peaks.every((lag) => lag <= truth.at(-1)) &&
    truth.every((lag) => run.peaks[0] <= lag);
  const why = !there && carried
    ? " The states carry values on: the place of a weight is not the place of the information."
    : "";
  const share = run.error > partly * zero
    ? `This run learned the task only in part: its error is ${Math.round(100 * run.error / zero)}` +
      " % of that of always answering 0. "
    : "";
  return `${share}${found}${why} Test error ${threeDigits(run.error)}; always answering 0 gives ` +
    `${threeDigits(zero)}, the same network without attention ${threeDigits(run.without)}.`;
}

const PANEL = 110; // pixels: height of the tallest bar
const TITLE = 30;
const BELOW = 42;

// Two rows of bars over the lags. Places are percentages, so that the text keeps its size on a
// narrow page. The tables say the same in numbers.
function createDrawing() {
  const height = 2 * (TITLE + PANEL) + 14 + BELOW;
  const svg = drawing("svg", { height, "aria-hidden": "true", fill: "currentColor",
    "font-size": 13, style: "width: 100%; max-width: 44em; display: block" });
  const column = 100 / (STEPS + 2); // two columns hold the scale
  const centre = (lag) => column * (lag + 1.5);
  const span = (lag) => ({ x1: `${centre(lag) - 0.36 * column}%`,
    x2: `${centre(lag) + 0.36 * column}%` });

  // `shown` are the bars; `others` are lists of values drawn as short lines.
  function panel(top, title, shown, others, truth) {
    const limit = Math.max(...shown, ...others.flat()) > 0.5 ? 1 : 0.5;
    const bottom = top + PANEL;
    const y = (value) => bottom - PANEL * Math.min(value / limit, 1);
    const level = (value) => [
      drawing("line", { x1: `${1.9 * column}%`, x2: "100%", y1: y(value), y2: y(value),
        stroke: GREY }),
      drawing("text", { x: 0, y: y(value) + 4, "font-size": 12 }, String(value)),
    ];
    return [
      drawing("text", { x: 0, y: top - 14, "font-weight": 600 }, title),
      ...level(limit), ...level(0),
      ...truth.map((lag) => drawing("line", { x1: `${centre(lag)}%`, x2: `${centre(lag)}%`,
        y1: top - 8, y2: bottom + 6, stroke: "currentColor", "stroke-dasharray": "5 4" })),
      ...shown.map((value, place) => drawing("rect", { x: span(place + 1).x1, y: y(value),
        width: `${0.72 * column}%`, height: bottom - y(value), fill: BLUE })),
      ...others.flatMap((values) => values.map((value, place) => drawing("line", {
        ...span(place + 1), y1: y(value), y2: y(value), stroke: "currentColor",
        "stroke-width": 1.5 }))),
    ];
  }

  return {
    node: svg,
    set(runs, chosen, truth) {
      const others = runs.filter((run) => run !== chosen);
      const lower = 2 * TITLE + PANEL + 14;
      const bottom = lower + PANEL;
      const labelled = [...new Set([1, 5, 10, 15, 20, ...truth])];
      svg.replaceChildren(
        ...panel(TITLE, "weight of the state", chosen.weights, others.map((run) => run.weights),
          truth),
        ...panel(lower, "effect of the input", chosen.effects, others.map((run) => run.effects),
          truth),
        ...labelled.map((lag) => drawing("text", { x: `${centre(lag)}%`, y: bottom + 19,
          "text-anchor": "middle", "font-size": 12,
          "font-weight": truth.includes(lag) ? 700 : 400 }, String(lag))),
        drawing("text", { x: `${centre(10.5)}%`, y: bottom + 38, "text-anchor": "middle" },
          "lag (1 is the newest value)"));
    },
  };
}

function build(figure, data) {
  const options = data.seeds.map((seed) => [seed, `seed ${seed}`]);
  const lag = (key, label) => figure.slider(key, { label, min: 1, max: STEPS, step: 1 });
  figure.add(figure.group(lag("first", "One lag"), lag("second", "Other lag"),
    figure.choice("seed", { label: "Run", options }),
    figure.choice("kind", { label: "Scores", options: Object.entries(data.names) })));

  const picture = createDrawing();
  const legend = figure.note();
  legend.textContent = "Dashed lines: the true lags. Bars: the chosen run. Short lines: the other " +
    "runs. Effect: how far the prediction moves, per unit, when this input alone is moved.";
  // Two tables, because one with all columns is too wide for a phone.
  const places = figure.table({
    caption: "All runs: lags of the largest",
    columns: ["seed", "weights", "effects"],
  });
  const errors = figure.table({
    caption: "All runs: test error",
    columns: ["seed", "with attention", "without attention"],
  });
  const spread = figure.note();
  const numbers = figure.table({ caption: "The chosen run, lag by lag",
    columns: ["lag", "weight", "effect"] });
  figure.add(figure.sentence, picture.node, legend,
    element("div", { class: "ac-pair" }, places.node, errors.node), spread,
    element("details", {}, element("summary", {}, "All weights and effects in numbers"),
      numbers.node));

  figure.run(data.start, (state) => {
    const lags = [state.first, state.second].sort((a, b) => a - b);
    const pair = data.pairs.findIndex((known) => same(known, lags));
    const truth = [...new Set(lags)];
    const runs = data.seeds.map((seed) => look(data, state.kind, seed, pair, truth.length));
    const chosen = runs[data.seeds.indexOf(state.seed)];
    const zero = data.always_zero[pair];

    picture.set(runs, chosen, truth);
    places.set(runs.map((run) => [String(run.seed), run.peaks.join(", "), run.moved.join(", ")]),
      runs.indexOf(chosen));
    errors.set(runs.map((run) => [String(run.seed), threeDigits(run.error),
      threeDigits(run.without)]), runs.indexOf(chosen));
    const range = (values) => `${threeDigits(Math.min(...values))} to ` +
      `${threeDigits(Math.max(...values))}, median ${threeDigits(median(values))}`;
    spread.textContent = `Test error of the ${runs.length} runs: ` +
      `${range(runs.map((run) => run.error))}. Without attention: ` +
      `${range(runs.map((run) => run.without))}. Always answering 0: ${threeDigits(zero)}. ` +
      "“Largest” means: as many as there are lags. One that is below half of the maximum is left " +
      "out.";
    numbers.set(chosen.weights.map((weight, place) => [
      truth.includes(place + 1) ? `${place + 1} (true)` : String(place + 1),
      fixed(weight, 3), fixed(chosen.effects[place], 2)]));
    return describe(chosen, truth, zero, data.partly);
  });
}
