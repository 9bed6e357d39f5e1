"""CLIP's byte-pair tokenizer with a small vocabulary of its own.

Learns merges from the caption grammar and writes them in the format of CLIP's merges file: a version line, then one
"left right" pair a line in order of rank; byte symbols as CLIP prints them, word ends marked </w>.  Ids: 256 bytes,
256 bytes with </w>, the merges, <|startoftext|>, <|endoftext|>.
"""
import collections
import functools
import re
import unicodedata

CHUNK = 77


def byte_symbols():
    """CLIP's printable stand-ins for the 256 bytes, in id order."""
    keep = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    out = {b: chr(b) for b in keep}
    n = 0
    for b in range(256):
        if b not in out:
            out[b] = chr(256 + n)
            n += 1
            keep.append(b)
    return [out[b] for b in keep], out


SYMBOLS, BYTE = byte_symbols()
# CLIP's word pattern for text that has been cleaned: letters, single digits, runs of other signs
WORD = re.compile(r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[^\W\d_]+|\d|(?:[^\s\w]|_)+")


def clean(text):
    """Lower case, accents removed, every punctuation mark a word of its own (the rule of CLIP's basic tokenizer)."""
    text = unicodedata.normalize("NFD", text.lower())
    out = []
    for ch in text:
        cat = unicodedata.category(ch)
        if cat == "Mn":
            continue
        punct = (
            cat[0] == "P"
            or 33 <= ord(ch) <= 47
            or 58 <= ord(ch) <= 64
            or 91 <= ord(ch) <= 96
            or 123 <= ord(ch) <= 126
        )
        out.append(f" {ch} " if punct else ch)
    return " ".join("".join(out).split())


def words(text):
    return WORD.findall(clean(text))


def split(word):
    s = [BYTE[b] for b in word.encode("utf-8")]
    return s[:-1] + [s[-1] + "</w>"]


def learn(lines, merges):
    """The `merges` most useful pairs.  Ties go to the alphabetically first, so the result is the same everywhere.

    A pair that would spell an existing token a second way is passed over: each token has one id.
    """
    count = collections.Counter(w for line in lines for w in words(line))
    vocab = {w: split(w) for w in count}
    out, made = [], set()
    while len(out) < merges:
        pairs = collections.Counter()
        for w, s in vocab.items():
            for p in zip(s, s[1:]):
                if p[0] + p[1] not in made:
                    pairs[p] += count[w]
        if not pairs:
            break
        best = min(pairs, key=lambda p: (-pairs[p], p))
        if pairs[best] < 2:
            break
        out.append(best)
        made.add(best[0] + best[1])
        for w, s in vocab.items():
            if best[0] in s:
                vocab[w] = join(s, best)
    return out


def join(s, pair):
    out, i = [], 0
    while i < len(s):
        if i + 1 < len(s) and (s[i], s[i + 1]) == pair:
            out.append(s[i] + s[i + 1])
            i += 2
        else:
            out.append(s[i])
            i += 1
    return out


class Tokenizer:
    def __init__(self, merges):
        self.rank = {p: i for i, p in enumerate(merges)}
        names = (
            SYMBOLS
            + [s + "</w>" for s in SYMBOLS]
            + [a + b for a, b in merges]
            + ["<|startoftext|>", "<|endoftext|>"]
        )
        self.ids = {n: i for i, n in enumerate(names)}
        self.size = len(names)
        self.start, self.end = self.size - 2, self.size - 1
        self.word_ids = functools.lru_cache(1 << 16)(self._word_ids)

    @classmethod
    def parse(cls, text):
        """The text of a merges.txt."""
        return cls([tuple(line.split()) for line in text.split("\n")[1:] if line])

    @classmethod
    def load(cls, path):
        with open(path, encoding="utf-8") as f:
            return cls.parse(f.read())

    def save(self, path):
        with open(path, "w", encoding="utf-8") as f:
            f.write("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in self.rank))

    def _word_ids(self, word):
        if word in ("<|startoftext|>", "<|endoftext|>"):
            return (self.ids[word],)
        s = split(word)
        while len(s) > 1:
            best = min(zip(s, s[1:]), key=lambda p: self.rank.get(p, 1 << 30))
            if best not in self.rank:
                break
            s = join(s, best)
        return tuple(self.ids[x] for x in s)

    def encode(self, text):
        return [i for w in words(text) for i in self.word_ids(w)]

    def chunks(self, text, most=2):
        """(L, G) token rows: groups of 77 with start, end and padding (L pads with the end token, G with 0).

        A word that would be cut by a chunk's end goes to the next chunk whole unless it has 8 or more tokens.
        """
        rows, row = [], []
        for group in self.groups(text):
            while group:
                room = CHUNK - 2 - len(row)
                if len(group) <= room:
                    row, group = row + group, []
                elif len(group) >= 8:
                    rows.append(row + group[:room])
                    row, group = [], group[room:]
                else:
                    rows.append(row)
                    row = []
        rows = (rows + [row])[:most]
        full = [[self.start] + r + [self.end] for r in rows]
        return [r + [self.end] * (CHUNK - len(r)) for r in full], [r + [0] * (CHUNK - len(r)) for r in full]

    def groups(self, text):
        """Tokens of each word between spaces: the unit that chunks do not cut."""
        out = []
        for piece in text.replace("\n", " ").split(" "):
            if piece:
                out.append([i for w in words(piece) for i in self.word_ids(w)])
        return out
