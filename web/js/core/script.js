// Which words of a prompt the text encoders cannot read: they were trained on English and break other
// scripts into bytes that mean nothing to them.

const IN_TAGS = /<[^>]*>|__[^_\s]+__/g; // names of files, not words
const SYLLABIC = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/u;
const FOREIGN = /[\p{L}\p{M}]+(?:[\s\p{P}]*[\p{L}\p{M}]+)*/gu;
const OTHER = /(?!\p{Script=Latin})(?!\p{Script=Common})(?!\p{Script=Inherited})\p{L}/u;

/** The first run of such words, or "". A lone letter, as in "α particles", is no word. */
export function unreadable(prompt) {
  for (const run of prompt.replace(IN_TAGS, " ").split(/[\p{Script=Latin}\p{N}\n]+/u)) {
    for (const [words] of run.matchAll(FOREIGN)) {
      const letters = [...words].filter((letter) => OTHER.test(letter));
      if (letters.length > 1 || letters.some((letter) => SYLLABIC.test(letter))) return words.trim();
    }
  }
  return "";
}

const CHINESE = /\p{Script=Han}+/gu;
const JAPANESE_OR_KOREAN = /[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/u;

/** The prompt without its Chinese, line by line, as the server translates it. */
export function withoutChinese(prompt) {
  const lines = prompt.split("\n");
  return lines.map((line) => (JAPANESE_OR_KOREAN.test(line) ? line : line.replace(CHINESE, ""))).join("\n");
}
