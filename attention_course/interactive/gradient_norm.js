// Chapter 2: the norm of d h_T / d h_t, step by step back, under the reader's hand.

const CURVES = [
  ["norm", "#2b83c6", 5, null],
  ["radius to the power of the steps", "#d06a12", 2.5, "9 6"],
  ["bound: norm of U to that power", "currentColor", 2, "2 6"],
];

const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

// The largest singular value. Pairs of columns are turned until all stand at right angles to each
// other (one-sided Jacobi). Turning leaves the singular values alone, and then they are the
// columns' lengths.
function spectralNorm(matrix) {
  const columns = matrix[0].map((_, column) => matrix.map((row) => row[column]));
  // Turning leaves the sum of all squares alone too; what is tiny beside it changes no digit.
  const negligible = 1e-15 * columns.reduce((sum, column) => sum + dot(column, column), 0);
  let turned = true;
  for (let sweep = 0; turned && sweep < 40; sweep += 1) {
    turned = false;
    for (let first = 0; first < columns.length; first += 1) {
      for (let second = first + 1; second < columns.length; second += 1) {
        const [a, b] = [columns[first], columns[second]];
        const ab = dot(a, b);
        if (Math.abs(ab) > negligible) {
          const slant = (dot(b, b) - dot(a, a)) / (2 * ab);
          const tangent = (slant < 0 ? -1 : 1) / (Math.abs(slant) + Math.hypot(1, slant));
          const cosine = 1 / Math.hypot(1, tangent);
          const sine = cosine * tangent;
          for (let place = 0; place < a.length; place += 1) {
            const left = a[place];
            const right = b[place];
            a[place] = cosine * left - sine * right;
            b[place] = sine * left + cosine * right;
          }
          turned = true;
        }
      }
    }
  }
  return Math.sqrt(Math.max(...columns.map((column) => dot(column, column))));
}

// The states of h_t = tanh(drive_t + h_(t-1) U), where drive_t = x_t W; without the tanh if asked.
function statesOf(drive, U, withTanh) {
  let state = U.map(() => 0);
  return drive.map((word) => {
    const fromMemory = weightedSum(state, U);
    state = word.map((value, neuron) => value + fromMemory[neuron]);
    if (withTanh) {
      state = state.map(Math.tanh);
    }
    return state;
  });
}

// The norm of J_T J_(T-1) ... J_(t+1) for 0, 1, 2, ... factors, J_t = diag(slopes_t) U^T.
function normsBack(slopes, U) {
  let product = U.map((_, row) => U.map((__, column) => Number(row === column)));
  const norms = [spectralNorm(product)];
  for (let t = slopes.length - 1; t > 0; t -= 1) {
    const scaledTransposed = U.map((_, i) => U.map((row) => slopes[t][i] * row[i]));
    product = product.map((row) => weightedSum(row, scaledTransposed));
    norms.push(spectralNorm(product));
  }
  return norms;
}

// Three digits that count, or a few more; powers of ten for what is tiny, and from 10⁴ on.
function amount(value) {
  if (value >= 9999.5) {
    const [leading, exponent] = value.toExponential(2).split("e");
    return `${leading} × ${powerOfTen(Number(exponent))}`;
  }
  const digits = [[0.01, 5], [1, 4], [100, 3], [Infinity, 0]].find(([limit]) => value < limit)[1];
  return magnitude(value, digits);
}

function powerOfTen(exponent) {
  const raised = [...String(exponent)].map((sign) => SUPERSCRIPTS[sign] || "⁻").join("");
  return exponent ? `10${raised}` : "1";
}

function verdict(factor) {
  if (factor < 0.1) {
    return "vanishing";
  }
  return factor > 10 ? "exploding" : "neither vanishing nor exploding";
}

const LEFT = 62;
const TOP = 92;
const WIDTH = 366;
const HEIGHT = 234;

// Curves over the steps back, on a logarithmic scale with 1 in the middle.
function createPlot(longest) {
  const plot = drawing("svg", {
    viewBox: `0 0 ${LEFT + WIDTH + 14} ${TOP + HEIGHT + 60}`,
    class: "ac-drawing",
    style: `width: 100%; max-width: ${0.85 * (LEFT + WIDTH + 14)}px`,
    fill: "currentColor",
    "font-size": 20,
    "aria-hidden": "true",
  });
  const x = (steps) => (WIDTH * steps) / longest;

  function curve(points, place) {
    const [, colour, width, dash] = CURVES[place];
    return drawing("polyline", {
      points: points.map(([across, down]) => `${across.toFixed(1)},${down.toFixed(1)}`).join(" "),
      fill: "none", stroke: colour, "stroke-width": width, "stroke-dasharray": dash,
    });
  }

  return {
    node: plot,
    set(curves) {
      // Powers of ten to show above and below 1: doubled until the first two curves fit.
      const wanted = Math.max(...curves.slice(0, 2).flat().map((value) =>
        Math.abs(Math.log10(value))));
      let decades = 3;
      while (decades < wanted) {
        decades *= 2;
      }
      const y = (value) => (HEIGHT * (1 - Math.log10(value) / decades)) / 2;
      const parts = CURVES.flatMap(([name], place) => [
        curve([[24, 14 + 25 * place], [62, 14 + 25 * place]], place),
        drawing("text", { x: 72, y: 20 + 25 * place }, name),
      ]);
      for (const share of [-1, -2 / 3, -1 / 3, 0, 1 / 3, 2 / 3, 1]) {
        const height = TOP + (HEIGHT * (1 - share)) / 2;
        const power = Math.round(decades * share);
        parts.push(
          drawing("line", {
            x1: LEFT, x2: LEFT + WIDTH, y1: height, y2: height, stroke: "currentColor",
            "stroke-width": share ? 0.8 : 1.6, "stroke-opacity": share ? 0.35 : 1,
          }),
          drawing("text", { x: LEFT - 8, y: height + 7, "text-anchor": "end" },
            powerOfTen(power)),
        );
      }
      for (let steps = 0; steps <= longest; steps += 10) {
        parts.push(drawing("text", {
          x: LEFT + x(steps), y: TOP + HEIGHT + 24, "text-anchor": "middle",
        }, String(steps)));
      }
      parts.push(drawing("text", {
        x: LEFT + WIDTH / 2, y: TOP + HEIGHT + 50, "text-anchor": "middle",
      }, "steps back, T − t"));
      // An <svg> inside cuts off what lies beyond its edges.
      const inside = drawing("svg", { x: LEFT, y: TOP, width: WIDTH, height: HEIGHT });
      curves.forEach((values, place) => {
        inside.append(curve(values.map((value, steps) => [x(steps), y(value)]), place));
      });
      plot.replaceChildren(...parts, inside);
    },
  };
}

const ROWS = [1, 2, 5, 10, 20, 30, 40, 50, 60];

function build(figure, { matrices, drive }) {
  // All matrices have spectral radius 1.
  const normsAtRadiusOne = matrices.map(({ entries }) => spectralNorm(entries));
  figure.add(figure.group(
    figure.choice("matrix", {
      label: "Recurrent matrix U",
      options: matrices.map(({ name }, place) => [place, name]),
    }),
    figure.slider("radius", {
      label: "Spectral radius of U", min: 0.5, max: 3, step: 0.05,
      format: (radius) => fixed(radius, 2),
    }),
    figure.slider("length", {
      label: "Sequence length T", min: 2, max: drive.length, step: 1,
      format: (length) => `${length} words`,
    }),
    figure.checkbox("tanh", { label: "with the tanh" }),
  ));
  const plot = createPlot(drive.length - 1);
  const table = figure.table({
    caption: "Norm of the Jacobian from the last state back",
    columns: ["steps back", "norm", "radius to this power", "bound: norm of U to this power"],
  });
  figure.add(figure.sentence, plot.node, table.node);

  figure.run({ matrix: 0, radius: 0.9, length: 51, tanh: false }, (state) => {
    const U = matrices[state.matrix].entries.map((row) => row.map((x) => state.radius * x));
    const normOfU = state.radius * normsAtRadiusOne[state.matrix];
    const states = statesOf(drive.slice(0, state.length), U, state.tanh);
    const slopes = states.map((h) => h.map((value) => (state.tanh ? 1 - value ** 2 : 1)));
    const measured = normsBack(slopes, U);
    const steps = state.length - 1;
    const factor = measured[steps];

    plot.set([
      measured,
      measured.map((_, power) => state.radius ** power),
      measured.map((_, power) => normOfU ** power),
    ]);
    const shown = [...ROWS.filter((row) => row < steps), steps];
    table.set(shown.map((row) => [String(row), amount(measured[row]),
      amount(state.radius ** row), amount(normOfU ** row)]), shown.length - 1);

    const peak = measured.indexOf(Math.max(...measured));
    const detour = peak > 0 && measured[peak] > 2 * Math.max(factor, 1)
      ? ` On the way it climbs to ${amount(measured[peak])}, ${peak} steps back.`
      : "";
    const slope = slopes.flat().reduce((sum, value) => sum + value, 0) / slopes.flat().length;
    return `Over ${steps} ${steps === 1 ? "step" : "steps"} back a gradient is multiplied by at ` +
      `most ${amount(factor)}: ${verdict(factor)}.${detour} U has radius ` +
      `${fixed(state.radius, 2)} and norm ${fixed(normOfU, 2)}; the mean slope is ${fixed(slope, 2)}` +
      `${state.tanh ? "" : ", because there is no tanh"}.`;
  });
}
