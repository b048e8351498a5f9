"""What is trained on: passages of six open sources, questions about them, and which of them are kept out. A pool is
two files of JSON lines, passages and queries, made from the sources alone and a seed, so that everything after it
(mining, teachers, states) can be kept and reused.

A query's `split` is train, choose (checkpoints and settings are chosen by it) or test (looked at once, at the end).
Splits follow groups (a page, a story, an article), so that no passage about a test question's page teaches."""

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random


@dataclass
class Passage:
    id: str
    source: str
    text: str


@dataclass
class Query:
    id: str
    source: str
    text: str
    split: str
    kind: str  # question, or what it was made from: title, sentence, word
    positives: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)  # the passage a synthetic query was taken from


@dataclass
class Pool:
    passages: list[Passage] = field(default_factory=list)
    queries: list[Query] = field(default_factory=list)

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("passages", "queries"):
            lines = (json.dumps(asdict(item), ensure_ascii=False) + "\n" for item in getattr(self, name))
            (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "Pool":
        return cls([Passage(**row) for row in read_jsonl(folder / "passages.jsonl")],
                   [Query(**row) for row in read_jsonl(folder / "queries.jsonl")])


def read_jsonl(path: Path) -> list[dict]:
    # Not splitlines(): passages may hold U+2028.
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").split("\n") if line]


def bucket(name: str, n: int) -> int:
    """A number below n that depends on the name alone, whatever the seed and the order of files."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % n


def group_split(group: str) -> str:
    return {0: "test", 1: "choose"}.get(bucket("split " + group, 10), "train")


def scifact(root: Path, pool: Pool, rng: Random, n_titles: int) -> None:
    """Queries of the train split alone: half of them train, the other half chooses."""
    titles = {}
    for row in read_jsonl(root / "scifact/corpus.jsonl"):
        titles[row["_id"]] = row["title"]
        pool.passages.append(Passage("sf" + row["_id"], "scifact", f"{row['title']} {row['text']}".strip()))
    positives: dict[str, list[str]] = {}
    for line in (root / "scifact/qrels/train.tsv").read_text().splitlines()[1:]:
        qid, docid, grade = line.split("\t")
        if int(grade) > 0:
            positives.setdefault(qid, []).append("sf" + docid)
    for row in read_jsonl(root / "scifact/queries.jsonl"):
        if row["_id"] in positives:
            split = "train" if bucket("scifact " + row["_id"], 2) else "choose"
            pool.queries.append(Query("sf" + row["_id"], "scifact", row["text"], split, "question",
                                      positives[row["_id"]]))
    for docid in rng.sample(sorted(titles), n_titles):
        pool.queries.append(Query("sft" + docid, "scifact", titles[docid].rstrip("."), "train", "title", [],
                                  ["sf" + docid]))


def medquad(root: Path, pool: Pool, one_in: int) -> None:
    seen: dict[str, str] = {}
    for i, row in enumerate(read_jsonl(root / "train/medquad.jsonl")):
        if bucket("medquad " + row["group"], one_in):
            continue
        passage = seen.setdefault(row["positive"], f"mq{i}")
        if passage == f"mq{i}":
            pool.passages.append(Passage(passage, "medquad", row["positive"]))
        text = row["query"].replace(" ?", "?")
        pool.queries.append(Query(f"mq{i}", "medquad", text, group_split(row["group"]), "question", [passage]))


def fairytaleqa(root: Path, pool: Pool, one_in: int) -> None:
    ids = {}
    for i, row in enumerate(read_jsonl(root / "train/fairytaleqa.sections.jsonl")):
        if bucket("fairytale " + row["story"], one_in) == 0:
            ids[row["text"]] = (f"ft{i}", row["story"])
            pool.passages.append(Passage(f"ft{i}", "fairytaleqa", row["text"]))
    for i, row in enumerate(read_jsonl(root / "train/fairytaleqa.jsonl")):
        if row["positive"] in ids:
            passage, story = ids[row["positive"]]
            pool.queries.append(Query(f"ft{i}", "fairytaleqa", row["query"], group_split(story), "question", [passage]))


def selqa(root: Path, pool: Pool, n_sentences: int = 3) -> None:
    """The sentences of an article's section in windows, so that they look like passages of the web; a window with an
    answer sentence is positive. Its neighbours in the section are the hard negatives that the source comes with."""
    seen: dict[str, str] = {}
    for i, row in enumerate(read_jsonl(root / "train/selqa.jsonl")):
        windows = [" ".join(row["negatives"][at : at + n_sentences])
                   for at in range(0, len(row["negatives"]), n_sentences)]
        for j, text in enumerate([row["positive"], *windows]):
            passage = seen.setdefault(text, f"sq{i}.{j}")
            if passage == f"sq{i}.{j}":
                pool.passages.append(Passage(passage, "selqa", text))
        pool.queries.append(Query(f"sq{i}", "selqa", row["query"], group_split(row.get("group", row["query"])),
                                  "question", [seen[row["positive"]]]))


def pubmedqa(root: Path, pool: Pool) -> None:
    for i, row in enumerate(read_jsonl(root / "train/pubmedqa.jsonl")):
        pool.passages.append(Passage(f"pm{i}", "pubmedqa", row["positive"]))
        pool.queries.append(Query(f"pm{i}", "pubmedqa", row["query"], group_split(f"pubmed {i}"), "question",
                                  [f"pm{i}"]))


WORD_QUERIES = ("what is {}", "define {}", "{} definition", "what does {} mean", "meaning of {}", "{}")


def wordnet(dictionary: Path, pool: Pool, rng: Random, n: int) -> None:
    """Nouns of WordNet in dictd's layout (Debian's dict-wn), told by their gloss: what is asked most on the web."""
    import gzip

    entries = re.split(r"\n(?=\S)", gzip.open(dictionary).read().decode("utf-8", "replace"))
    found = []
    for entry in entries[30:]:
        word, _, body = entry.partition("\n")
        gloss = re.sub(r"\s+", " ", re.sub(r"\[(syn|ant):.*?\]", "", body, flags=re.S)).strip()
        if gloss.startswith("n ") and len(gloss.split()) >= 14:
            found.append((word, re.sub(r"^n( \d+)?: ", "", gloss)))
    for i, (word, gloss) in enumerate(rng.sample(found, min(n, len(found)))):
        pool.passages.append(Passage(f"wn{i}", "wordnet", f"{word}: {gloss}"))
        pool.queries.append(Query(f"wn{i}", "wordnet", WORD_QUERIES[i % len(WORD_QUERIES)].format(word), "train",
                                  "word", [f"wn{i}"]))


def text_folder(folder: Path, pool: Pool, n_words: int = 90) -> None:
    """Any folder of text files, for a domain of one's own: windows of whole paragraphs of about n_words words."""
    for path in sorted(folder.rglob("*.txt")):
        words: list[str] = []
        for paragraph in [*re.split(r"\n\s*\n", path.read_text(encoding="utf-8", errors="replace")), None]:
            if words and (paragraph is None or len(words) >= n_words):
                number = len(pool.passages)
                pool.passages.append(Passage(f"tx{number}", "text", " ".join(words[: 3 * n_words])))
                words = []
            words += (paragraph or "").split()


def sentence_queries(pool: Pool, rng: Random, n_of: dict[str, int]) -> None:
    """Sentences of 5 to 16 words as queries. Their own passage is left out: finding it again teaches nothing."""
    asked = {p for q in pool.queries if q.split != "train" for p in q.positives}
    for source, n in n_of.items():
        passages = [p for p in pool.passages if p.source == source and p.id not in asked]
        for passage in rng.sample(passages, min(n, len(passages))):
            sentences = [s.strip() for s in re.split(r"(?<=[.!?])\s+", passage.text) if 5 <= len(s.split()) <= 16]
            if sentences:
                pool.queries.append(Query("st" + passage.id, source, rng.choice(sentences).rstrip(".!?"), "train",
                                          "sentence", [], [passage.id]))


def build(root: Path, dictionary: Path | None, settings: dict, seed: int) -> Pool:
    rng, pool = Random(seed), Pool()
    selqa(root, pool)
    scifact(root, pool, rng, settings["scifact_titles"])
    medquad(root, pool, settings["medquad_one_in"])
    fairytaleqa(root, pool, settings["fairytale_one_in"])
    pubmedqa(root, pool)
    if dictionary:
        wordnet(dictionary, pool, rng, settings["wordnet_words"])
    for folder in settings.get("text_folders", []):
        text_folder(Path(folder), pool)
    sentence_queries(pool, rng, settings["sentences"])
    return pool
