"""``make badges``: the address of a repository in every chapter, which has none as it comes.

It becomes the Colab badge above the title and what the set-up cell clones. The chapters are edited
as files, so that nothing else in them changes; only Python itself is needed.
"""

import json
import re
import sys
from pathlib import Path

BADGE = (
    "[![Open In Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
    "(https://colab.research.google.com/github/{repository}/blob/main/notebooks/{chapter}.ipynb)"
)
SOURCE = re.compile(r'(os\.environ\.get\("GANCOURSE_SOURCE", ")[^"]*"')


def pointed(source: str, repository: str, chapter: str, first: bool) -> str:
    """A cell's source with the address; the ``first`` cell of the chapter gets the badge."""
    if first:
        source = re.sub(r"\A\[!\[Open In Colab\].*\n\n", "", source)
        return BADGE.format(repository=repository, chapter=chapter) + "\n\n" + source
    return SOURCE.sub(rf'\1https://github.com/{repository}"', source)


def point(folder: Path, repository: str) -> int:
    """Point the notebooks of ``folder`` and their text forms at ``repository``; how many."""
    chapters = sorted(folder.glob("[0-9]*.ipynb"))
    for path in chapters:
        book = json.loads(path.read_text("utf-8"))
        for number, cell in enumerate(book["cells"]):
            source = pointed("".join(cell["source"]), repository, path.stem, not number)
            cell["source"] = source.splitlines(keepends=True)
        path.write_text(json.dumps(book, indent=1, ensure_ascii=False) + "\n", "utf-8")
        text = folder / "text" / f"{path.stem}.py"
        head, mark, rest = text.read_text("utf-8").partition("# %% [markdown]\n")
        rest = re.sub(r"\A# \[!\[Open In Colab\].*\n#\n", "", rest)
        badge = "# " + BADGE.format(repository=repository, chapter=path.stem) + "\n#\n"
        rest = SOURCE.sub(rf'\1https://github.com/{repository}"', rest)
        text.write_text(head + mark + badge + rest, "utf-8")
    return len(chapters)


def main(words: list[str]) -> None:
    if len(words) != 1 or not re.fullmatch(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+", words[0]):
        sys.exit("Say which repository: make badges REPO=owner/name")
    count = point(Path("notebooks"), words[0])
    print(f"Badges and set-up cells of {count} chapters point at {words[0]}.")


if __name__ == "__main__":
    main(sys.argv[1:])
