// Pictures that guide the next one: what the page remembers of them, and how they are said to the server.
// A guide is {kind, image, weight, stop, model}; `kind` is the parameter that lists it.

/** The kinds as [parameter, usual weight, usual stop]; what the server has when numbers are left out. */
export const GUIDE_KINDS = [
  ["image_prompts", 0.6, 0.5],
  ["canny", 1, 0.5],
  ["cpds", 1, 0.5],
  ["faces", 0.75, 0.9],
  ["controls", 1, 1],
];
export const GUIDE_NAMES = GUIDE_KINDS.map(([name]) => name);
export const MOST_GUIDES = 4;

export function newGuide(image, kind = "image_prompts") {
  const [, weight, stop] = GUIDE_KINDS.find(([name]) => name === kind);
  return { kind, image, weight, stop };
}

/** The part of a job's parameters that speaks of guides. */
export function guideParameters(guides = []) {
  const out = {};
  for (const { kind, image, weight, stop, model } of guides)
    (out[kind] ||= []).push({ image, weight, stop, ...(model && { model }) });
  return out;
}

/** The guides that such parameters speak of. */
export function guidesOf(parameters) {
  return GUIDE_NAMES.flatMap((kind) => (parameters[kind] || []).map((guide) => ({ kind, ...guide })));
}
