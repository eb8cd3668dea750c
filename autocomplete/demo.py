"""What `liner autocomplete demo` shows: an index of the world's names, a search typed letter by letter, and then your own."""

import sys
from collections.abc import Iterator

from autocomplete import index
from autocomplete.pipeline import publish, world_terms
from autocomplete.records import Answer
from autocomplete.service import as_json, index_folder
from autocomplete.suggest import Suggester
from shared.bootstrap import engines
from shared.output import print_json, print_next, size_of

CLEAR, BOLD, PLAIN, QUIET = "\x1b[J", "\x1b[1m", "\x1b[0m", "\x1b[2m"
ENTER, BACKSPACE, END = "\r\n", "\x7f\b", "\x03\x04\x1b"


def demo(size: str, seed: int, as_json_object: bool) -> None:
    """Make the world, publish the index of its names, type a few of them with errors; then answer what the terminal types."""
    from shared.world import make_world

    with engines() as opened:
        world = make_world(opened.settings.home / "world" / f"{size}-{seed}", size, seed)
        folder = index_folder(opened)
        suggester = Suggester(publish(index.build(world_terms(opened, world)), folder))
    typed = list(examples(suggester))
    answers = [suggester.suggest(text) for text in typed]
    if as_json_object:
        found = [as_json(answer) for answer in answers]
        print_json(
            {"index": str(folder), "terms": len(suggester.index), "digest": suggester.index.digest, "answers": found}
        )
        return
    for answer in answers:
        print(f"\n› {answer.query}")
        print_answer(answer)
    print(f"\nindex {folder}  ({len(suggester.index):,} terms, {size_of(folder)}, digest {suggester.index.digest})")
    print_next("liner autocomplete capacity --terms 1e9", "liner console", "autocomplete/README.md")
    if sys.stdin.isatty() and sys.stdout.isatty():
        answer_keys(suggester)
    elif not sys.stdin.isatty():
        for line in sys.stdin:
            print(f"\n› {line.rstrip()}")
            print_answer(suggester.suggest(line.rstrip("\n")))


def examples(suggester: Suggester) -> Iterator[str]:
    """Prefixes of the heaviest long names, and those names mistyped: swapped, doubled, in another order."""
    index_ = suggester.index
    names = [index_.text(term) for term in range(min(2000, len(index_)))]
    one = next((name for name in names if name.isascii() and " " not in name and len(name) > 7), names[0])
    two = next((name for name in names if name.isascii() and name.count(" ") == 1 and len(name) > 10), names[0])
    yield from (one[:3].lower(), one[:6].lower())
    yield one[:3].lower() + one[4] + one[3] + one[5:]
    first, _, last = two.lower().partition(" ")
    yield f"{last} {first}".strip()
    yield two.lower().replace(two[3].lower(), two[3].lower() * 2, 1)


def print_answer(answer: Answer) -> None:
    """The list as a person reads it: what was typed in bold where the terminal can, the type, the reason."""
    for suggestion in answer.suggestions:
        reason = "" if suggestion.found_by == "name" else f"by {suggestion.found_by}"
        text = _marked(suggestion.text, suggestion.spans) if sys.stdout.isatty() else suggestion.text
        print(f"  {text}{' ' * max(2, 44 - len(suggestion.text))}{suggestion.type:10}{reason}")
    if not answer.suggestions:
        print("  nothing")


def _marked(text: str, spans: list[tuple[int, int]]) -> str:
    for start, stop in reversed(spans):
        text = text[:start] + BOLD + text[start:stop] + PLAIN + text[stop:]
    return text


def answer_keys(suggester: Suggester) -> None:
    """Read the keyboard key by key and repaint the list under the line; Escape or Ctrl-D ends it."""
    import termios
    import tty

    print("\nType a name (Escape ends it):")
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    text = ""
    try:
        tty.setcbreak(terminal)
        while (key := sys.stdin.read(1)) and key not in END:
            text = "" if key in ENTER else text[:-1] if key in BACKSPACE else text + key
            answer = suggester.suggest(text)
            print(f"\r{CLEAR}› {text}  {QUIET}{answer.search_us:.0f} µs{PLAIN}")
            print_answer(answer)
            print(f"\x1b[{max(1, len(answer.suggestions)) + 1}A", end="", flush=True)
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
        print(CLEAR)
