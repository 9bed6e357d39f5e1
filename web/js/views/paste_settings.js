// A JSON object of settings in the prompt is taken over.

import { applyParameters } from "../core/actions.js";
import { settingsText } from "../core/settings_text.js";
import { toast } from "../core/toast.js";
import { t } from "../core/i18n.js";

export function applyText(text) {
  const value = settingsText(text);
  if (!value) return;
  applyParameters(value);
  toast(t("picture.settingsUsed"), { ms: 4000 });
}
