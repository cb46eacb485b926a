"""What the image is made of is enough for what it runs."""

import re
import subprocess
import sys
from pathlib import Path

from services.cli.main import MODULES

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "deploy" / "docker" / "Dockerfile").read_text(encoding="utf-8")
ONLY_OF_THE_IMAGE = """
import importlib.metadata, re, sys

def normal(name):
    return re.sub("[-_.]+", "-", name).lower()

installed = {normal(name) for name in sys.argv[1].split(",")}
modules = importlib.metadata.packages_distributions()

class Refused:
    def find_spec(self, name, path=None, target=None):
        owners = {normal(owner) for owner in modules.get(name.partition(".")[0], ())}
        if owners and not owners & installed | {"hearback"} & owners:
            raise ModuleNotFoundError(f"{name} is not in the image", name=name)

sys.meta_path.insert(0, Refused())
for module in sys.argv[2].split(","):
    __import__(module)
"""


def test_what_serves_and_the_command_itself_start_with_nothing_but_the_packages_of_the_image() -> None:
    packages = re.findall(r"^([A-Za-z0-9_.-]+)==", (ROOT / "requirements" / "runtime.txt").read_text(encoding="utf-8"), re.MULTILINE)
    modules = ["services.cli.main", *(f"services.cli.{module}" for module in MODULES.values())]
    modules += [f"services.{name}.main" for name in ("ingest", "scoring", "closed_loop", "alerts")]
    modules += [f"services.ingest.{part}.parts" for part in ("channels", "imports", "surveys")]  # imported by the roles that need them

    started = subprocess.run(
        [sys.executable, "-c", ONLY_OF_THE_IMAGE, ",".join(packages), ",".join(modules)], capture_output=True, text=True, cwd=ROOT
    )

    assert started.returncode == 0, started.stderr


def test_the_refusal_of_that_test_refuses() -> None:
    started = subprocess.run([sys.executable, "-c", ONLY_OF_THE_IMAGE, "uvicorn", "pydantic"], capture_output=True, text=True, cwd=ROOT)

    assert "pydantic is not in the image" in started.stderr


def test_nothing_is_copied_that_the_build_context_leaves_out() -> None:
    ignored = (ROOT / "deploy" / "docker" / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    copied = re.findall(r"^COPY (?:--chmod=\d+ )?(?!--from)(\S+) ", DOCKERFILE, re.MULTILINE)

    assert ignored[1] == "*", "nothing goes in that is not named"
    assert sorted(copied) == sorted(line[1:] for line in ignored if line.startswith("!"))
    assert all((ROOT / path).exists() for path in copied)
