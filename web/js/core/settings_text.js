// A JSON object of settings pasted into the prompt.

/** The object, when the text is a JSON object; else null. */
export function settingsText(text) {
  const trimmed = (text || "").trim();
  if (!trimmed.startsWith("{") || !trimmed.endsWith("}")) return null;
  try {
    const value = JSON.parse(trimmed);
    return value && typeof value === "object" && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}
