// Asks for name and password when the server wants them; resolves when it lets us in.

import { api } from "../core/api.js";
import { h, uid } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { problemText } from "../core/toast.js";

export function signIn() {
  return new Promise((resolve) => {
    const user = h("input", { id: uid("user"), autocomplete: "username", required: true });
    const password = h("input", {
      id: uid("password"),
      type: "password",
      autocomplete: "current-password",
      required: true,
    });
    const wrong = h("p.help", { role: "alert" });
    const title = uid("login");
    const enter = async (event) => {
      event.preventDefault();
      try {
        await api.login(user.value, password.value);
      } catch (error) {
        wrong.textContent = error.status === 401 ? t("login.wrong") : problemText(error);
        password.select();
        return;
      }
      dialog.close();
      dialog.remove();
      resolve();
    };
    const dialog = h(
      "dialog.dialog.login",
      // there is nothing behind it yet
      { "aria-labelledby": title, oncancel: (event) => event.preventDefault() },
      h(
        "form.dialog-body",
        { onsubmit: enter },
        h("h2", { id: title }, t("login.title")),
        h("div.field", {}, h("label", { for: user.id }, t("login.user")), user),
        h("div.field", {}, h("label", { for: password.id }, t("login.password")), password),
        wrong,
        h("button.primary", { type: "submit" }, t("login.enter")),
      ),
    );
    document.body.append(dialog);
    dialog.showModal();
  });
}
