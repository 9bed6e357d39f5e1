// What `make lint` checks in the page's and the tests' scripts; prettier (package.json) has the say
// about form.

import js from "@eslint/js";
import globals from "globals";
import { onlyDownward } from "./tools/eslint/only_downward.mjs";

const RULES = {
  "no-duplicate-imports": "error",
  "no-var": "error",
  "prefer-const": "error",
  eqeqeq: ["error", "always"],
  "max-len": ["error", 110],
  "no-unused-vars": ["error", { ignoreRestSiblings: true }],
  "house/only-downward": "error",
};
const plugins = { house: { rules: { "only-downward": onlyDownward } } };

const SIZES = { "max-lines": ["error", 600], "max-lines-per-function": ["error", 100] };

export default [
  { ignores: ["build/", "node_modules/", "outputs/"] },
  js.configs.recommended,
  {
    files: ["web/**/*.js"],
    languageOptions: { globals: globals.browser },
    plugins,
    rules: { ...RULES, ...SIZES },
  },
  {
    files: ["tests/**/*.mjs", "tools/**/*.mjs", "eslint.config.mjs"],
    // the page's tests run code inside the page
    languageOptions: { globals: { ...globals.node, ...globals.browser } },
    plugins,
    rules: RULES,
  },
];
