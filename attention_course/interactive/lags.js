// Chapter 6: the weights that networks learned for two lags, beside the effect of each input.
// Nothing is computed here but what is said about the recorded runs.

const STEPS = 20;

// The lags of the `count` largest values, in order, without those below `share` of the largest
// (largest_lags in lags.py).
function largestLags(values, count, share) {
  const order = values.map((_, place) => place).sort((a, b) => values[b] - values[a]);
  const limit = share * values[order[0]];
  return order.slice(0, count).filter((place) => values[place] >= limit)
    .map((place) => place + 1).sort((a, b) => a - b);
}

function same(left, right) {
  return left.join() === right.join();
}

// Errors are recorded with three significant digits, and shown with just these.
function threeDigits(value) {
  return value.toPrecision(3);
}

function middleOf(sorted) {
  const middle = (sorted.length - 1) / 2;
  return (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2;
}

// One run for one pair of lags, in the units of the page.
function look(data, kind, seed, pair, count) {
  const run = data.runs[`${kind}_${seed}`];
  const weights = run.weights[pair].map((value) => value / 1000);
  const effects = run.effects[pair].map((value) => value / 100);
  const [error, without] = [run, data.runs[`without_${seed}`]].map((one) => one.error[pair]);
  const [peaks, moved] = [weights, effects].map((all) => largestLags(all, count, data.large));
  return { seed, weights, effects, error, without, peaks, moved };
}

function describe(run, truth, zero, partly) {
  const lags = (places) => ({ lags: listed(places) });
  const there = same(run.peaks, truth);
  // A state knows its own input and older ones, so each true lag needs a large weight at itself or
  // at a smaller lag.
  const carried = same(run.moved, truth) && run.peaks.every((lag) => lag <= truth.at(-1)) &&
    truth.every((lag) => run.peaks[0] <= lag);
  return [
    ...(run.error > partly * zero ? [tr("This run learned the task only in part: its error is " +
      "{share} % of that of always answering 0.",
    { share: Math.round((100 * run.error) / zero) })] : []),
    trn("The largest weight stands at lag {lags}.", "The largest weights stand at lags {lags}.",
      run.peaks.length, lags(run.peaks)),
    ...(there ? [tr("That is just where the answer comes from.")] : [
      trn("But the answer comes from lag {lags}.", "But the answer comes from lags {lags}.",
        truth.length, lags(truth)),
      trn("The input that moves the prediction most is that at lag {lags}.",
        "The inputs that move the prediction most are those at lags {lags}.",
        run.moved.length, lags(run.moved)),
      ...(carried ? [tr("The states carry values on: the place of a weight is not the place of " +
        "the information.")] : []),
    ]),
    tr("Test error {error}; always answering 0 gives {zero}, the same network without attention " +
      "{without}.", { error: threeDigits(run.error), zero: threeDigits(zero),
      without: threeDigits(run.without) }),
  ].join(" ");
}

function build(figure, data) {
  const lag = (key, label) => figure.slider(key, { label, min: 1, max: STEPS });
  figure.add(figure.group(
    lag("first", tr("One lag")), lag("second", tr("Other lag")),
    figure.choice("seed", { label: tr("Run"),
      options: data.seeds.map((seed) => [seed, tr("seed {seed}", { seed })]) }),
    figure.choice("kind", { label: tr("Scores"), options: Object.entries(data.names) }),
  ));
  const pictures = [[tr("weight of the state"), "weights"], [tr("effect of the input"), "effects"]]
    .map(([label, key]) => ({ label, key, ...plot({ height: 110, width: 620 }) }));
  const below = [null, tr("lag (1 is the newest value)")]; // one axis for both
  // Two tables, because one with all columns is too wide for a phone.
  const places = table({ caption: tr("All runs: lags of the largest"),
    columns: [tr("seed"), tr("weights"), tr("effects")] });
  const errors = table({ caption: tr("All runs: test error"),
    columns: [tr("seed"), tr("with attention"), tr("without attention")] });
  const spread = note();
  const numbers = table({ caption: tr("The chosen run, lag by lag"),
    columns: [tr("lag"), tr("weight"), tr("effect")] });
  figure.add(figure.sentence, ...pictures.map(({ node }) => node),
    note(tr("Dashed lines: the true lags. Bars: the chosen run. Short lines: the other runs. " +
      "Effect: how far the prediction moves, per unit, when this input alone is moved.")),
    element("div", { class: "ac-pair" }, places.node, errors.node), spread,
    element("details", {}, element("summary", {}, tr("All weights and effects in numbers")),
      numbers.node));

  figure.run(data.start, (state) => {
    const lags = [state.first, state.second].sort((a, b) => a - b);
    const pair = data.pairs.findIndex((known) => same(known, lags));
    const truth = [...new Set(lags)];
    const runs = data.seeds.map((seed) => look(data, state.kind, seed, pair, truth.length));
    const chosen = data.seeds.indexOf(state.seed);
    const run = runs[chosen];
    const zero = data.always_zero[pair];

    pictures.forEach(({ key, label, set }, place) => {
      const high = Math.max(...runs.flatMap((one) => one[key])) > 0.5 ? 1 : 0.5;
      const points = (one) => one[key].map((value, place) => [place + 1, Math.min(value, high)]);
      set({
        x: { label: below[place], from: 0.5, to: STEPS + 0.5,
          ticks: [...truth, ...[1, 5, 10, 15, 20].filter((tick) =>
            truth.every((lag) => Math.abs(tick - lag) > 2))] },
        y: { label, from: 0, to: high, ticks: [0, high] },
        marks: truth,
        series: [{ shape: "bars", colour: "blue", points: points(run) },
          ...runs.filter((one) => one !== run).map((one) =>
            ({ shape: "levels", colour: "text", points: points(one) }))],
      });
    });
    places.set(runs.map((one) => [String(one.seed), one.peaks.join(", "), one.moved.join(", ")]),
      chosen);
    errors.set(runs.map((one) => [String(one.seed), threeDigits(one.error),
      threeDigits(one.without)]), chosen);
    const range = (key) => {
      const values = runs.map((one) => one[key]).sort((a, b) => a - b);
      const [least, median, most] = [values[0], middleOf(values), values.at(-1)].map(threeDigits);
      return tr("{least} to {most}, median {median}", { least, most, median });
    };
    spread.textContent = tr("Test error of the {count} runs: {with}. Without attention: " +
      "{without}. Always answering 0: {zero}. “Largest” means: as many as there are lags. One " +
      "that is below half of the maximum is left out.", { count: runs.length,
      with: range("error"), without: range("without"), zero: threeDigits(zero) });
    numbers.set(run.weights.map((weight, place) => [
      truth.includes(place + 1) ? tr("{lag} (true)", { lag: place + 1 }) : String(place + 1),
      fixed(weight, 3), fixed(run.effects[place], 2)]));
    return describe(run, truth, zero, data.partly);
  });
}
