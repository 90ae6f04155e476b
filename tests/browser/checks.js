// What checks.py asks a page. Each function returns a list of sentences, none when all is well.
(function () {
  const article = () => document.querySelector("main") || document.body;
  const short = (text) => text.trim().replace(/\s+/g, " ").slice(0, 80);

  // A name by which a person finds the element: its tag, id or classes, and how its text begins.
  function named(element) {
    const id = element.id ? `#${element.id}` : "";
    const classes = [...element.classList].slice(0, 2).map((name) => `.${name}`).join("");
    const text = short(element.textContent || "").slice(0, 40);
    return `<${element.localName}${id || classes}>${text ? ` "${text}"` : ""}`;
  }

  function visible(element) {
    return element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  }

  // --- width -------------------------------------------------------------------------------

  // Whether the element can be scrolled into sight, or is there for screen readers only. A box that
  // cuts off what is too wide is no place of its own.
  function inItsOwnBox(element) {
    for (let box = element.parentElement; box && box !== document.body; box = box.parentElement) {
      if (/auto|scroll/.test(getComputedStyle(box).overflowX)) return true;
      if (box.clientWidth <= 1 || getComputedStyle(box).clipPath !== "none") return true;
    }
    return getComputedStyle(element).clipPath !== "none";
  }

  // A side bar that is drawn beside the page until it is called for is no overflow.
  function waitsOutside(element, width) {
    for (let box = element; box && box !== document.body; box = box.parentElement) {
      if (getComputedStyle(box).position === "fixed") {
        const place = box.getBoundingClientRect();
        return place.left >= width - 1 || place.right <= 1;
      }
    }
    return false;
  }

  function overflow() {
    const width = document.documentElement.clientWidth;
    const found = [...document.body.querySelectorAll("*")].filter((element) => {
      const place = element.getBoundingClientRect();
      if (place.width <= 1 || place.height <= 1) return false;
      if (place.right <= width + 1 && place.left >= -1) return false;
      return visible(element) && !inItsOwnBox(element) && !waitsOutside(element, width);
    });
    const inner = found.filter((element) => !found.some((other) =>
      other !== element && element.contains(other)));
    const sentences = inner.map((element) => {
      const { left, right } = element.getBoundingClientRect();
      return right > width + 1
        ? `${named(element)} ends at ${Math.round(right)} of ${width}`
        : `${named(element)} begins at ${Math.round(left)}`;
    });
    for (const box of document.body.querySelectorAll("*")) {
      if (!/auto|scroll/.test(getComputedStyle(box).overflowX) || box.scrollLeft > 0) continue;
      const { left } = box.getBoundingClientRect();
      const before = [...box.children].find((part) => part.getBoundingClientRect().left < left - 1);
      if (before && visible(before)) sentences.push(`${named(before)} begins outside its box`);
    }
    const scrolls = document.documentElement.scrollWidth;
    if (!sentences.length && scrolls > width) {
      sentences.push(`the page is ${scrolls} wide in a window of ${width}`);
    }
    return sentences;
  }

  // --- formulas ----------------------------------------------------------------------------

  const NOT_PROSE = "pre, code, script, style, noscript, template, textarea, mjx-container, kbd";
  const TEX = [/\$[^$\n]+\$/, /\\[([,;!{}]/, /\\[a-zA-Z]{2,}/, /[\w)][_^]\{/];

  function tex(text) {
    const match = TEX.map((pattern) => pattern.exec(text)).find((found) => found);
    return match && short(text.slice(match.index));
  }

  function rawTex() {
    const sentences = new Set();
    const blocks = new Map();
    const walker = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const holder = walker.currentNode.parentElement;
      if (holder.closest(NOT_PROSE)) continue;
      const block = holder.closest("p, li, td, th, dt, dd, h1, h2, h3, h4, summary, figcaption, "
        + "caption, label, button, option, title, desc, text, div") || document.body;
      blocks.set(block, (blocks.get(block) || "") + walker.currentNode.data);
    }
    for (const text of blocks.values()) {
      if (tex(text)) sentences.add(`shows TeX: ${tex(text)}`);
    }
    for (const attribute of ["alt", "title", "aria-label", "placeholder", "aria-description",
      "aria-valuetext", "aria-roledescription", "label"]) {
      for (const element of document.querySelectorAll(`[${attribute}]`)) {
        if (element.closest("mjx-container")) continue;
        const found = tex(element.getAttribute(attribute));
        if (found) sentences.add(`says TeX in ${attribute}: ${found}`);
      }
    }
    return [...sentences];
  }

  function unrenderedMaths() {
    const plain = [...document.querySelectorAll(".math")].filter((element) =>
      element.localName !== "script" && !element.querySelector("mjx-container"));
    const wrong = [...document.querySelectorAll("mjx-merror, [data-mjx-error], .MathJax_Error")];
    const silent = [...document.querySelectorAll("mjx-container")].filter((element) =>
      !element.querySelector("mjx-assistive-mml math"));
    return [
      ...silent.map((element) => `says nothing for ${short(element.textContent)}`),
      ...plain.map((element) => `does not render ${short(element.textContent)}`),
      ...wrong.map((element) => `renders an error for ${short(element.textContent)}`),
    ];
  }

  // --- pictures ----------------------------------------------------------------------------

  const FILE_NAME = /^[\w./-]+\.(png|svg|jpe?g|gif|webp|pdf|ipynb|html?)$/i;

  function byIds(element, attribute) {
    return (element.getAttribute(attribute) || "").split(/\s+/).filter(Boolean)
      .map((id) => (document.getElementById(id) || { textContent: "" }).textContent).join(" ");
  }

  // What a screen reader says of a picture, its longer description included.
  function description(picture) {
    const own = (name) => [...picture.children].filter((child) => child.localName === name)
      .map((child) => child.textContent).join(" ");
    const name = byIds(picture, "aria-labelledby") || picture.getAttribute("aria-label")
      || picture.getAttribute("alt") || own("title") || "";
    return [name, `${name} ${byIds(picture, "aria-describedby")} ${own("desc")}`];
  }

  function undescribedImages() {
    const sentences = [];
    const pictures = [...document.querySelectorAll("img, svg, canvas, [role=img], object, embed")];
    for (const picture of pictures) {
      if (picture.closest("[aria-hidden=true], mjx-container")) continue;
      if (picture.parentElement.closest("svg, [role=img]")) continue;
      const place = picture.getAttribute("src") || picture.id || named(picture);
      const where = `${picture.localName} ${short(place).slice(0, 60)}`;
      // A picture within a link or button is part of its name, which is another check.
      const control = picture.closest("a, button, summary, [role=button]");
      if (picture.localName === "img" && !picture.hasAttribute("alt")) {
        sentences.push(`${where} has no alternative text`);
        continue;
      }
      const [name, whole] = description(picture).map((text) => text.trim());
      if (FILE_NAME.test(name)) {
        sentences.push(`${where} has a file name for words: ${name}`);
      } else if (control) {
        if (!name && !/\w/.test(control.textContent + (control.getAttribute("aria-label") || ""))) {
          sentences.push(`${where} is the only content of a control and has no words`);
        }
      } else if (picture.localName === "svg" && picture.getAttribute("role") !== "img") {
        sentences.push(`${where} is neither a picture (role img) nor hidden`);
      } else if (whole.length < 20 || new Set(whole.toLowerCase().split(/\s+/)).size < 4) {
        sentences.push(`${where} has no real description: ${JSON.stringify(name)}`);
      }
    }
    return sentences;
  }

  // --- colours of drawings -----------------------------------------------------------------

  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });

  // Red, green, blue and opacity, each from 0 to 1.
  function colour(text) {
    if (!text || text === "none" || text === "transparent") return [0, 0, 0, 0];
    const plain = /^rgba?\(([\d.]+), ([\d.]+), ([\d.]+)(?:, ([\d.]+))?\)$/.exec(text);
    if (plain) {
      const [red, green, blue] = plain.slice(1, 4).map((part) => part / 255);
      return [red, green, blue, plain[4] === undefined ? 1 : Number(plain[4])];
    }
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = text;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].map((part) => part / 255);
  }

  function over(front, back) {
    return [0, 1, 2].map((part) => front[part] * front[3] + back[part] * (1 - front[3]));
  }

  function luminance(rgb) {
    const [red, green, blue] = rgb.map((part) =>
      part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  }

  function contrast(one, other) {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  }

  function behind(element) {
    const layers = [];
    for (let box = element; box; box = box.parentElement) {
      layers.push(colour(getComputedStyle(box).backgroundColor));
    }
    return layers.reverse().reduce((back, front) => over(front, back), [1, 1, 1]);
  }

  function opacity(element, drawing) {
    let product = 1;
    for (let part = element; part && part !== drawing.parentElement; part = part.parentElement) {
      product *= Number(getComputedStyle(part).opacity);
    }
    return product;
  }

  function paint(element, drawing, kind) {
    const style = getComputedStyle(element);
    const found = colour(style[kind]);
    found[3] *= Number(style[`${kind}Opacity`]) * opacity(element, drawing);
    if (kind === "stroke" && parseFloat(style.strokeWidth) === 0) found[3] = 0;
    return found;
  }

  const SHAPES = "path, line, rect, circle, ellipse, polyline, polygon, use";

  function within(shape, x, y) {
    const box = shape.getBoundingClientRect();
    if (x < box.left || x > box.right || y < box.top || y > box.bottom) return false;
    if (!shape.isPointInFill) return true;
    const point = new DOMPoint(x, y).matrixTransform(shape.getScreenCTM().inverse());
    return shape.isPointInFill(point);
  }

  // Also those that a table describes to a screen reader.
  function drawings() {
    return [...article().querySelectorAll("svg")].filter((drawing) =>
      !drawing.parentElement.closest("svg, mjx-container, a, button") && visible(drawing));
  }

  // A hairline in the text's own colour, such as the grid of a plot: it guides the eye, and nothing
  // is lost with it.
  function guides(part, stroke) {
    const style = getComputedStyle(part);
    const own = colour(style.color);
    return parseFloat(style.strokeWidth) < 1 && stroke[3] <= 0.35
      && [0, 1, 2].every((place) => stroke[place] === own[place]);
  }

  // Lines need 3 against what is behind the drawing; text needs 4.5 against what it stands on.
  function faintDrawings() {
    const sentences = new Set();
    for (const drawing of drawings()) {
      const ground = behind(drawing.parentElement);
      const where = drawing.id || short(description(drawing)[0]).slice(0, 40);
      const parts = [...drawing.querySelectorAll(`${SHAPES}, text, image`)].filter((part) =>
        !part.closest("defs, clipPath, marker, symbol, mask, pattern"));
      const below = [];
      for (const part of parts) {
        if (part.localName === "image") {
          below.push({ part, fill: null });
          continue;
        }
        if (part.localName === "text") {
          if (!part.textContent.trim()) continue;
          const box = part.getBoundingClientRect();
          const [x, y] = [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
          const under = below.filter((layer) => within(layer.part, x, y));
          if (under.some((layer) => layer.fill === null)) continue;
          const back = under.reduce((colours, layer) => over(layer.fill, colours), ground);
          const ratio = contrast(over(paint(part, drawing, "fill"), back), back);
          if (ratio < 4.5) {
            sentences.add(`${where}: the text "${short(part.textContent)}" has a contrast of `
              + ratio.toFixed(1));
          }
          continue;
        }
        const fill = paint(part, drawing, "fill");
        const stroke = paint(part, drawing, "stroke");
        if (fill[3] > 0) below.push({ part, fill });
        const box = part.getBoundingClientRect();
        const drawn = stroke[3] > 0 && (box.width > 0 || box.height > 0);
        if (drawn && !guides(part, stroke)) {
          const ratio = contrast(over(stroke, ground), ground);
          if (ratio < 3) {
            const style = getComputedStyle(part);
            sentences.add(`${where}: a line (${part.localName}, ${style.stroke}, opacity `
              + `${stroke[3].toFixed(2)}, ${style.strokeWidth}) has a contrast of `
              + ratio.toFixed(1));
          }
        }
      }
    }
    return [...sentences];
  }

  // The bars of a live figure are boxes, not drawings.
  function faintBars() {
    return [...article().querySelectorAll(".ac-bar")].filter((bar) => bar.offsetWidth > 2)
      .filter((bar) => !bar.classList.contains("ac-negative"))
      .filter((bar) => contrast(behind(bar), behind(bar.parentElement)) < 3)
      .map((bar) => `${named(bar.closest("li"))} has a bar with a contrast below 3`);
  }

  // A light box on a dark page blinds its reader: the page itself, boxes, and large shapes.
  function lightBoxes() {
    const found = [];
    if (luminance(behind(document.body)) > 0.1) found.push("the page is light");
    for (const element of article().querySelectorAll("*")) {
      const place = element.getBoundingClientRect();
      if (place.width < 40 || place.height < 20 || !visible(element)) continue;
      // The options of a quiz are light buttons on a dark card, in both themes.
      if (element.closest("mjx-container, .ac-quiz")) continue;
      const drawing = element.closest("svg");
      const fill = drawing && element.matches(SHAPES) && !element.closest("defs, clipPath, mask")
        ? paint(element, drawing, "fill")
        : colour(getComputedStyle(element).backgroundColor);
      // A straight line has a box, and nothing in it.
      const middle = [(place.left + place.right) / 2, (place.top + place.bottom) / 2];
      if (drawing && !within(element, ...middle)) continue;
      const seen = over(fill, drawing ? behind(drawing.parentElement) : [0, 0, 0]);
      if (fill[3] > 0.5 && luminance(seen) > 0.5) found.push(`${named(element)} is a light box`);
    }
    return found;
  }

  // --- focus -------------------------------------------------------------------------------

  // The rings around an element that are at least 2 px wide and stand out from what they lie on.
  function rings(part) {
    const style = getComputedStyle(part);
    const outside = part.parentElement ? behind(part.parentElement) : behind(part);
    const found = [];
    if (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2) {
      const inside = parseFloat(style.outlineOffset) < 0;
      found.push([style.outlineColor, inside ? behind(part) : outside]);
    }
    for (const [, paint, spread, inset] of style.boxShadow.matchAll(
      /(rgba?\([^)]*\)) \S+ \S+ 0px (\S+)px( inset)?/g)) {
      if (parseFloat(spread) >= 2) found.push([paint, inset ? behind(part) : outside]);
    }
    return found.filter(([paint, ground]) => contrast(over(colour(paint), ground), ground) >= 3)
      .map(([paint]) => paint);
  }

  // What has the focus must get such a ring by it: itself, or what is around or in it.
  function faintFocus() {
    const element = document.activeElement;
    const parts = [element, element.parentElement, ...element.querySelectorAll("*")];
    const focused = parts.map(rings);
    element.blur();
    const plain = parts.map(rings);
    element.focus();
    return parts.some((_, place) => focused[place].length > plain[place].length)
      ? [] : [`${named(element)} does not look as if it had the focus`];
  }

  // --- the rest ----------------------------------------------------------------------------

  // A connection that is opened before anything is asked for is no request, but it tells a server.
  function outsideAddresses() {
    const wanted = "link[rel~=preconnect], link[rel~=dns-prefetch], link[rel~=prefetch], "
      + "link[rel~=preload], link[rel~=modulepreload], iframe[src]";
    return [...document.querySelectorAll(wanted)].map((element) => element.href || element.src)
      .filter((address) => /^https?:/.test(address) && new URL(address).host !== location.host)
      .map((address) => `prepares a connection to ${address.slice(0, 120)}`);
  }

  function stillFigures() {
    return [...document.querySelectorAll("figure.ac-interactive")]
      .filter((figure) => figure.querySelector(".ac-still"))
      .map((figure) => `${named(figure)} has not started`);
  }

  function movements() {
    const seconds = (text) => Math.max(...text.split(",").map((part) =>
      part.trim().endsWith("ms") ? parseFloat(part) / 1000 : parseFloat(part)));
    const sentences = new Set();
    for (const element of document.querySelectorAll("*")) {
      for (const pseudo of [null, "::before", "::after"]) {
        const style = getComputedStyle(element, pseudo);
        if (seconds(style.transitionDuration) > 0.01) {
          sentences.add(`${named(element).split(" ")[0]}${pseudo || ""} has a transition`);
        }
        if (style.animationName !== "none" && seconds(style.animationDuration) > 0.01) {
          sentences.add(`${named(element).split(" ")[0]}${pseudo || ""} is animated`);
        }
        if (!pseudo && style.scrollBehavior === "smooth") {
          sentences.add(`${named(element).split(" ")[0]} scrolls smoothly`);
        }
      }
    }
    return [...sentences];
  }

  return {
    faintBars, faintDrawings, faintFocus, lightBoxes, movements, outsideAddresses, overflow, rawTex, stillFigures,
    undescribedImages, unrenderedMaths,
  };
})
