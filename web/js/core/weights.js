// Ctrl+Up/Down in the prompt: changes the weight of the selected words, or of the word at the
// cursor, written as (words:1.1). Pure functions of the text, so that they can be tested without a
// page.

const STEP = 0.1;
const LOWEST = 0;
const HIGHEST = 2;
const WORD_END = /[\s,.;:!?()[\]{}<>"'，。；：！？（）]/;

function wordAround(text, at) {
  let start = at;
  let end = at;
  while (start > 0 && !WORD_END.test(text[start - 1])) start--;
  while (end < text.length && !WORD_END.test(text[end])) end++;
  return { start, end };
}

function trimmed(text, start, end) {
  while (start < end && /\s/.test(text[start])) start++;
  while (end > start && /[\s,]/.test(text[end - 1])) end--;
  return { start, end };
}

/** The innermost "(...:number)" that holds the whole range: {open, close, inner, weight}, or null. */
export function weightedGroup(text, start, end) {
  const stack = [];
  let best = null;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === "(") stack.push(i);
    else if (text[i] === ")" && stack.length) {
      const open = stack.pop();
      const match = /^([\s\S]*):\s*(\d+(?:\.\d+)?)\s*$/.exec(text.slice(open + 1, i));
      if (!match || open > start || i + 1 < end) continue;
      if (!best || open > best.open) best = { open, close: i + 1, inner: match[1], weight: Number(match[2]) };
    }
  }
  return best;
}

/** Returns {text, start, end}: the new text and selection; null when there is nothing to weigh. */
export function changeWeight(text, start, end, direction) {
  let range = start === end ? wordAround(text, start) : trimmed(text, start, end);
  const group = weightedGroup(text, start, end);
  let words;
  let weight = 1;
  if (group) {
    range = { start: group.open, end: group.close };
    words = group.inner;
    weight = group.weight;
  } else {
    if (range.start === range.end) return null;
    words = text.slice(range.start, range.end);
  }
  weight = Math.round((weight + direction * STEP) * 100) / 100;
  weight = Math.min(HIGHEST, Math.max(LOWEST, weight));
  const plain = weight === 1;
  const piece = plain ? words : `(${words}:${weight})`;
  const from = range.start + (plain ? 0 : 1);
  return {
    text: text.slice(0, range.start) + piece + text.slice(range.end),
    start: from,
    end: from + words.length,
  };
}
