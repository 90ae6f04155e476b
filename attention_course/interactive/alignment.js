// One decoder step over three words: scores become weights, weights mix the states h into the
// context c. With data.gradient the figure shows instead how far each score can move the context.

const DIGITS = 4;
const LARGEST_SCORE = 5;
const OWN = "own";
const SATURATED = 0.94; // from this weight on the text says so

// Bahdanau's score, v tanh(W s + U h), for every state h.
function additiveScores(s, { states, W, U, v }) {
  return states.map((h) => {
    const inside = W.map((row, unit) => dot(row, s) + dot(U[unit], h));
    return dot(v, inside.map(Math.tanh));
  });
}

// What a choice in the list "Scores" sets.
function presets(data) {
  const last = data.words.length - 1;
  const computed = data.queries.map((s) =>
    [`computed for s = ${vector(s)}`, additiveScores(s, data)]);
  return [
    ...computed,
    ["all equal", data.words.map(() => 0)],
    [`“${data.words[last]}” far ahead`, data.words.map((_, j) => (j === last ? LARGEST_SCORE : 0))],
  ];
}

function list(words) {
  const quoted = words.map((word) => `“${word}”`);
  return quoted.length < 2
    ? quoted.join("")
    : `${quoted.slice(0, -1).join(", ")} and ${quoted.at(-1)}`;
}

function describe(words, weights, context) {
  const c = vector(context, DIGITS);
  const largest = Math.max(...weights);
  if (largest === 0) {
    return "Every word is masked. A softmax over nothing is 0/0 and not defined; this course " +
      `sets the weights to 0. Then no state pulls, and the context ${c} is no mixture of them.`;
  }
  const winners = words.filter((_, j) => largest - weights[j] < 1e-9);
  const each = winners.length > 1 ? " each" : "";
  const verb = winners.length > 1 ? "get" : "gets";
  const where = winners.length === words.length
    ? "It is the plain mean of the three states."
    : largest > 0.95 ? `It lies almost on the state of ${list(winners)}.` : "";
  return `${list(winners)} ${verb} ${fixed(largest, DIGITS)} of the weight${each}; ` +
    `the context is ${c}. ${where}`.trim();
}

function describePush(words, weights, pushes, context) {
  const sizes = pushes.map((push) => Math.hypot(...push));
  const strongest = sizes.indexOf(Math.max(...sizes));
  const heaviest = weights.indexOf(Math.max(...weights));
  const c = `The context is ${vector(context, DIGITS)}. `;
  if (weights[heaviest] > SATURATED) {
    return `${c}“${words[heaviest]}” has ${fixed(weights[heaviest], DIGITS)} of the weight, and ` +
      `no score moves the context further than ${fixed(sizes[strongest], DIGITS)} per unit: the ` +
      "softmax is saturated.";
  }
  return `${c}The score of “${words[strongest]}” can move it furthest, ` +
    `by ${fixed(sizes[strongest], DIGITS)} per unit.`;
}

// The states as corners of a triangle, the context inside it. The table says the same in numbers.
function createDrawing(words, states, gradient) {
  const size = 280;
  const margin = 46;
  const bounds = [0, 1].map((axis) => {
    const values = states.map((h) => h[axis]);
    return [Math.min(...values), Math.max(...values)];
  });
  const place = (point) => point.map((value, axis) => {
    const [low, high] = bounds[axis];
    const share = (value - low) / (high - low);
    return margin + (size - 2 * margin) * (axis === 0 ? share : 1 - share);
  });
  const corners = states.map(place);
  const moving = drawing("g", {});
  const svg = drawing("svg", { viewBox: `0 0 ${size} ${size}`, class: "ac-drawing",
    "aria-hidden": "true" },
  drawing("polygon", { points: corners.map(String).join(" "), fill: "#7c858f",
    "fill-opacity": 0.14, stroke: "#7c858f", "stroke-width": 1.5 }), moving);

  function line([x1, y1], [x2, y2], width, colour) {
    return drawing("line", { x1, y1, x2, y2, stroke: colour, "stroke-width": width,
      "stroke-linecap": "round" });
  }

  // Written from the edge inwards, so that a longer text has room.
  function label([x, y], text) {
    const left = x < size / 2;
    return drawing("text", { x: x + (left ? -28 : 28), y: y + (y < size / 2 ? -14 : 26),
      "text-anchor": left ? "start" : "end", "font-size": 16, fill: "currentColor" }, text);
  }

  return {
    node: svg,
    set(context, weights, masked) {
      const c = place(context);
      const nodes = [];
      corners.forEach((corner, j) => {
        const towards = corner.map((value, axis) => c[axis] + weights[j] * (value - c[axis]));
        if (!masked[j]) {
          nodes.push(line(c, corner, gradient ? 1.5 : 1 + 9 * weights[j], "#2b83c6"));
        }
        if (gradient) {
          nodes.push(line(c, towards, 6, "#d06a12"));
        }
        nodes.push(drawing("circle", { cx: corner[0], cy: corner[1], r: 7, stroke: "#2b83c6",
          "stroke-width": 2, fill: masked[j] ? "none" : "#2b83c6" }));
        nodes.push(label(corner, masked[j] ? `${words[j]} (masked)` : words[j]));
      });
      nodes.push(drawing("rect", { x: c[0] - 7, y: c[1] - 7, width: 14, height: 14,
        fill: "#d06a12", transform: `rotate(45 ${c[0]} ${c[1]})` }));
      // Below c there may be a corner's word.
      const below = c[1] > size / 2 ? -10 : 20;
      nodes.push(drawing("text", { x: c[0] + 14, y: c[1] + below, "font-size": 17,
        "font-weight": "bold", fill: "currentColor" }, "c"));
      moving.replaceChildren(...nodes);
    },
  };
}

function build(figure, data) {
  const { words, states, temperatures, gradient } = data;
  const known = presets(data);
  const start = { preset: known[0][0], temperature: temperatures.indexOf(1) };
  words.forEach((_, j) => {
    start[`score${j}`] = known[0][1][j];
    start[`mask${j}`] = false;
  });

  figure.add(figure.group(figure.choice("preset", {
    label: "Scores",
    options: [...known.map(([name]) => [name, name]), [OWN, "your own"]],
    change(state) {
      const chosen = known.find(([name]) => name === state.preset);
      words.forEach((_, j) => {
        state[`score${j}`] = chosen ? chosen[1][j] : state[`score${j}`];
      });
    },
  })));
  words.forEach((word, j) => {
    const slider = figure.slider(`score${j}`, {
      label: `Score: ${word}`, min: -LARGEST_SCORE, max: LARGEST_SCORE, step: 0.1,
      format: (score) => fixed(score, DIGITS),
      change(state) {
        state.preset = OWN;
      },
    });
    const mask = figure.checkbox(`mask${j}`, { label: `mask ${word}` });
    figure.add(figure.group(...(gradient ? [slider] : [slider, mask])));
  });
  if (!gradient) {
    const slider = figure.slider("temperature", {
      label: "Temperature τ", min: 0, max: temperatures.length - 1, step: 1,
      format: (place) => String(temperatures[place]),
    });
    // Its numbers are short: beside the long label they still fit in a phone's line.
    slider.querySelector(".ac-value").style.minWidth = 0;
    figure.add(figure.group(slider));
  }

  const bars = figure.bars({ labels: words, label: "Weights", digits: DIGITS, limit: 1 });
  const picture = createDrawing(words, states, gradient);
  const h = indexed("h", "j");
  const e = element("span", {}, "score ", indexed("e", "j"));
  const alpha = element("span", {}, "weight ", indexed("α", "j"));
  const table = figure.table(gradient
    ? { caption: "How far c moves per unit of a score",
      columns: ["word j", e, alpha, h, element("span", {}, indexed("h", "j"), " − c"),
        element("span", {}, indexed("α", "j"), " (", indexed("h", "j"), " − c)")] }
    : { caption: "From scores to the context",
      columns: ["word j", e, element("span", {}, "exp(", indexed("e", "j"), " / τ)"), alpha, h,
        element("span", {}, indexed("α", "j"), " ", indexed("h", "j"))] });
  const note = figure.note();
  note.textContent = (gradient ? "" : "The last column adds up to c. ") +
    "Numbers are rounded, so the last digits of a column may not add up exactly.";
  const pair = element("div", { class: "ac-pair" }, bars.node, picture.node);
  // Side by side and close together; the full width would only make the bars' tracks longer.
  pair.style.alignItems = "flex-start";
  bars.node.style.flex = "0 1 19em";
  figure.add(figure.sentence, pair, table.node, note);

  function drawStep(state) {
    const scores = words.map((_, j) => state[`score${j}`]);
    const masked = words.map((_, j) => state[`mask${j}`]);
    const temperature = temperatures[state.temperature];
    const scaled = scores.map((score, j) => (masked[j] ? -Infinity : score / temperature));
    const weights = softmax(scaled);
    const context = weightedSum(weights, states);

    bars.set(weights.map((weight, j) => (masked[j] ? NaN : weight)));
    picture.set(context, weights, masked);
    if (gradient) {
      const away = states.map((h) => h.map((value, entry) => value - context[entry]));
      const pushes = away.map((difference, j) => difference.map((value) => weights[j] * value));
      table.set([
        ...words.map((word, j) => [word, fixed(scores[j], DIGITS), fixed(weights[j], DIGITS),
          vector(states[j]), vector(away[j], DIGITS), vector(pushes[j], DIGITS)]),
        ["sum", "", fixed(weights.reduce((sum, weight) => sum + weight), DIGITS), "", "",
          vector([0, 1].map((entry) => pushes.reduce((sum, push) => sum + push[entry], 0)), DIGITS)],
      ]);
      return describePush(words, weights, pushes, context);
    }
    const powers = scaled.map(Math.exp);
    table.set([
      ...words.map((word, j) => [word, masked[j] ? "−∞" : fixed(scores[j], DIGITS),
        magnitude(powers[j], DIGITS), fixed(weights[j], DIGITS), vector(states[j]),
        vector(states[j].map((value) => weights[j] * value), DIGITS)]),
      ["sum", "", magnitude(powers.reduce((sum, power) => sum + power), DIGITS),
        fixed(weights.reduce((sum, weight) => sum + weight), DIGITS), "",
        vector(context, DIGITS)],
    ]);
    return describe(words, weights, context);
  }

  figure.run(start, drawStep);
}
