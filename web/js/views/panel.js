// The side panel that "Advanced" opens: four tabs. On a phone it covers the page.

import { h, iconButton } from "../core/dom.js";
import { prefs } from "../core/store.js";
import { tabs } from "../widgets/controls.js";
import { settingsTab } from "./settings.js";
import { stylesTab } from "./styles.js";
import { modelsTab } from "./models.js";
import { advancedTab } from "./advanced.js";
import { t } from "../core/i18n.js";

export function panel(root) {
  root.setAttribute("aria-label", t("panel.label"));
  const list = [
    { id: "settings", label: t("tab.settings"), node: settingsTab() },
    { id: "styles", label: t("tab.styles"), node: stylesTab() },
    { id: "models", label: t("tab.models"), node: modelsTab() },
    { id: "advanced", label: t("tab.advanced"), node: advancedTab() },
  ];
  const set = tabs({
    label: t("panel.label"),
    list,
    current: prefs.get("tab"),
    onselect: (id) => prefs.set({ tab: id }),
  });
  root.append(
    h(
      "div.panel-head",
      {},
      set.bar,
      iconButton("close", t("panel.close"), () => {
        prefs.set({ panelOpen: false });
        document.getElementById("advanced").focus();
      }),
    ),
    ...set.panels,
  );
  prefs.watch(["panelOpen"], ({ panelOpen }) => {
    root.hidden = !panelOpen;
    document.body.classList.toggle("with-panel", panelOpen);
  });
  document.addEventListener("fooocus:tab", ({ detail }) => set.select(detail, false));
}
