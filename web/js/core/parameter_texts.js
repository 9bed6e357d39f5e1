// The words of the parameters: one file, locales/params.json, with all languages beside each other.

/** {cfg: {en: {label, help, choices}}} -> {"param.cfg.label": ..., "choice.cfg.VALUE": ...} */
export function parameterTexts(parameters, lang) {
  const out = {};
  for (const [name, languages] of Object.entries(parameters)) {
    const { choices = {}, ...words } = languages[lang] || {};
    for (const [what, text] of Object.entries(words)) out[`param.${name}.${what}`] = text;
    for (const [choice, text] of Object.entries(choices)) out[`choice.${name}.${choice}`] = text;
  }
  return out;
}
