import { count } from "./format.ts";

const space = "http://www.w3.org/2000/svg";

function s(tag: string, props: Record<string, string | number>, text = ""): SVGElement {
  const el = document.createElementNS(space, tag);
  for (const [name, value] of Object.entries(props)) el.setAttribute(name, String(value));
  if (text) el.textContent = text;
  return el;
}

export interface Line {
  name: string;
  values: number[];
  /** The second line is dashed and has squares, so that colour says nothing that the shape does not. */
  mark: "round" | "square";
}

const width = 720, height = 260, left = 64, right = 130, top = 16, bottom = 34;

/** Draws lines over the same points; the numbers stand in a table beside it. */
export function lineChart(title: string, labels: string[], lines: Line[]): SVGElement {
  const most = Math.max(1, ...lines.flatMap((l) => l.values));
  const x = (i: number) => left + (labels.length < 2 ? 0 : (i * (width - left - right)) / (labels.length - 1));
  const y = (n: number) => top + (1 - n / most) * (height - top - bottom);
  const svg = s("svg", { viewBox: `0 0 ${width} ${height}`, class: "chart", role: "img", "aria-label": title });
  for (const n of [0, Math.round(most / 2), most]) {
    svg.append(s("line", { x1: left, x2: width - right, y1: y(n), y2: y(n), class: "grid" }),
      s("text", { x: left - 8, y: y(n) + 4, "text-anchor": "end" }, count(n)));
  }
  const every = Math.ceil(labels.length / 5);
  labels.forEach((label, i) => {
    if (i % every === 0) svg.append(s("text", { x: x(i), y: height - 10, "text-anchor": i ? "middle" : "start" }, label));
  });
  const ends: number[] = [];
  for (const line of lines) {
    const points = line.values.map((n, i) => `${x(i)},${y(n)}`).join(" ");
    svg.append(s("polyline", { points, class: `line ${line.mark}` }));
    if (line.values.length <= 60) {
      line.values.forEach((n, i) => svg.append(line.mark === "round"
        ? s("circle", { cx: x(i), cy: y(n), r: 3.5, class: "mark" })
        : s("rect", { x: x(i) - 3, y: y(n) - 3, width: 6, height: 6, class: "mark square" })));
    }
    const last = line.values.at(-1) ?? 0;
    let at = y(last) + 4;
    while (ends.some((e) => Math.abs(e - at) < 15)) at += 15;
    ends.push(at);
    svg.append(s("text", { x: width - right + 8, y: at }, `${line.name}: ${count(last)}`));
  }
  return svg;
}
