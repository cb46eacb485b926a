"""The JSON Schemas of the contracts: `python -m shared.contracts.schemas --write` generates them, `--check` guards them.

The committed files are what other languages read and what a release is compared with. The rules between fields are not in them: JSON
Schema has no good way to say them, so they stand in the descriptions.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from shared.contracts.compatibility import breaking_changes
from shared.contracts.envelope import Envelope
from shared.contracts.registry import EVENT_TYPES

DIRECTORY = Path(__file__).parent / "schemas"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def generate() -> dict[str, str]:
    """File name → text: the data of every event type, and the envelope. The same models give the same bytes."""
    schemas = {name: kind.data.model_json_schema() | {"title": name} for name, kind in EVENT_TYPES.items()}
    schemas["envelope"] = Envelope.model_json_schema() | {"title": "envelope"}
    return {
        f"{name}.json": json.dumps({"$schema": DIALECT, **schema}, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        for name, schema in sorted(schemas.items())
    }


def write(directory: Path) -> None:
    """Make the committed files those of the models; a file of a type that is gone is removed."""
    directory.mkdir(exist_ok=True)
    generated = generate()
    for file in directory.glob("*.json"):
        if file.name not in generated:
            file.unlink()
    for name, text in generated.items():
        (directory / name).write_text(text, encoding="utf-8")


def stale_files(directory: Path) -> list[str]:
    """Which committed files are not those of the models, one line each."""
    generated = generate()
    committed = {file.name: file.read_text(encoding="utf-8") for file in directory.glob("*.json")}
    return [
        f"{name}: differs from the models; run python -m shared.contracts.schemas --write and commit it"
        for name in sorted(generated.keys() | committed.keys())
        if generated.get(name) != committed.get(name)
    ]


def newest_release(directory: Path) -> str | None:
    """The newest `v*` tag of the repository that holds `directory`; None without a tag or outside a repository."""
    if not directory.is_dir():
        return None
    tags = _git(directory, "tag", "--list", "v*", "--sort=-version:refname")
    return next(iter(tags.split()), None)


def released_schemas(directory: Path, release: str) -> dict[str, str]:
    """The files of `directory` as they were at the tag `release`: name → text."""
    names = _git(directory, "ls-tree", "--name-only", release, "./").split()
    return {name: _git(directory, "show", f"{release}:./{name}") for name in names if name.endswith(".json")}


def breaks_since(released: dict[str, str]) -> list[str]:
    """What today's models break for readers of the released schemas, one line each. New types are allowed, lost ones are not."""
    present = generate()
    broken = [f"{name}: removed; its last records are still to be read" for name in sorted(released.keys() - present.keys())]
    for name in sorted(released.keys() & present.keys()):
        broken += [f"{name}: {change}" for change in breaking_changes(json.loads(released[name]), json.loads(present[name]))]
    return broken


def check(directory: Path) -> list[str]:
    """Everything that is wrong with the committed schemas; says on standard output which release they were compared with."""
    release = newest_release(directory)
    if release is None:
        sys.stdout.write("no release yet (no tag v*): nothing to compare with\n")
        return stale_files(directory)
    broken = breaks_since(released_schemas(directory, release))
    sys.stdout.write(f"compared with {release}: {len(broken)} breaking changes\n")
    return stale_files(directory) + [
        f"{line} (allowed since {release}: new optional fields; else a new version of the type)" for line in broken
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 0 when all is well, 1 with a line for everything that is not."""
    parser = argparse.ArgumentParser(prog="python -m shared.contracts.schemas", description="Generate or check the committed JSON Schemas.")
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--check", action="store_true", help="compare with the models and with the last release (the default)")
    action.add_argument("--write", action="store_true", help="generate the files from the models")
    parser.add_argument("--directory", type=Path, default=DIRECTORY, help="where the files are")
    chosen = parser.parse_args(arguments)
    if chosen.write:
        write(chosen.directory)
        return 0
    wrong = check(chosen.directory)
    sys.stderr.write("".join(f"{line}\n" for line in wrong))
    return 1 if wrong else 0


def _git(directory: Path, *arguments: str) -> str:
    """Standard output of one git command; empty where git has nothing to say (no repository, no such path)."""
    command = ["git", "-C", str(directory), *arguments]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False).stdout  # noqa: S603 - our own arguments


if __name__ == "__main__":
    sys.exit(main())
