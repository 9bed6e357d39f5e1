// What the buttons and keys do with pictures and settings: favourites, delete with undo, "use these".

import { api } from "./api.js";
import { app, form, parameter } from "./store.js";
import { announce } from "./dom.js";
import { GUIDE_NAMES, guidesOf } from "./guides.js";
import { INPUT_NAMES, inputOf } from "./input.js";
import { t } from "./i18n.js";
import { showError, toast } from "./toast.js";

/** Listeners that hold pictures (gallery, viewer) hear of changes made anywhere, in this tab or another. */
const pictureListeners = new Set();
export function onPictureChange(run) {
  pictureListeners.add(run);
}
export function pictureChanged(change) {
  let recent = app.get("recent");
  if (change.removed !== undefined) {
    recent = recent.filter((p) => p.id !== change.removed);
    if (app.get("shown") === change.removed) app.set({ shown: null });
  } else if (recent.some((p) => p.id === change.picture.id)) {
    recent = recent.map((p) => (p.id === change.picture.id ? { ...p, ...change.picture } : p));
  } else if (!recent.length || change.picture.id > recent[recent.length - 1].id) {
    recent = [...recent, change.picture].sort((a, b) => b.id - a.id);
  }
  app.set({ recent: recent.slice(0, 60) });
  pictureListeners.forEach((run) => run(change));
}

export async function toggleFavourite(picture) {
  const favourite = !picture.favourite;
  pictureChanged({ picture: { ...picture, favourite } });
  try {
    await api.favourite(picture.id, favourite);
    announce(t(favourite ? "picture.starred" : "picture.unstarred"));
  } catch (error) {
    pictureChanged({ picture });
    showError(error);
  }
}

export async function removePicture(picture) {
  try {
    await api.remove(picture.id);
  } catch (error) {
    return showError(error);
  }
  pictureChanged({ removed: picture.id });
  const undo = async () => {
    await api.restore(picture.id);
    pictureChanged({ picture, restored: true });
  };
  return toast(t("picture.deleted"), {
    action: { label: t("action.undo"), run: () => undo().catch(showError) },
  });
}

export function downloadPicture(picture) {
  const link = document.createElement("a");
  link.href = api.fileUrl(picture.id);
  link.download = `fooocus-${picture.id}-${picture.seed}.${picture.format || "png"}`;
  document.body.append(link);
  link.click();
  link.remove();
}

/** Takes over a picture's settings; the seed is kept, so that Generate makes the same picture again. */
export function applyParameters(parameters) {
  const values = {};
  for (const [name, value] of Object.entries(parameters)) {
    const p = parameter(name);
    if (!p || p.private || value === null || name === "seed" || name === "loras") continue;
    values[name] = value;
  }
  values.prompt = parameters.prompt || "";
  values.count = 1;
  values.seed_fixed = parameters.seed !== undefined && parameters.seed !== "random";
  values.seed_text = values.seed_fixed ? String(parameters.seed) : "";
  const input = inputOf(parameters);
  if (input) values.input = input;
  const guides = guidesOf(parameters);
  if (guides.length) values.guides = guides;
  for (const name of [...INPUT_NAMES, ...GUIDE_NAMES]) delete values[name];
  values.lora_rows = (parameters.loras || []).map(({ file, weight }) => ({ on: true, file, weight }));
  form.set({ values });
}

export async function useSettings(picture) {
  try {
    const full = picture.parameters ? picture : await api.picture(picture.id);
    applyParameters({ ...full.parameters, prompt: full.prompt ?? full.parameters.prompt, seed: full.seed });
    app.set({ view: "create" });
    toast(t("picture.settingsUsed"), { ms: 4000 });
  } catch (error) {
    showError(error);
  }
}

export function resetSettings() {
  const before = form.get("values");
  const { prompt, input } = before;
  form.set({ values: { ...(prompt && { prompt }), ...(input && { input }) } });
  toast(t("settings.wereReset"), {
    action: { label: t("action.undo"), run: () => form.set({ values: before }) },
  });
}
