"""The virtual environment of the peers written in Python, whose pins are none of ours."""

import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path("requirements/peers.txt")
FOLDER = Path(".venv/peers")


def python_of_peers() -> str:
    """Its interpreter; the environment is made when it is missing or older than its requirements."""
    python, made = FOLDER / "bin" / "python", FOLDER / "made"
    if not made.exists() or made.stat().st_mtime < REQUIREMENTS.stat().st_mtime:
        subprocess.run([sys.executable, "-m", "venv", FOLDER], check=True)
        install = ("-m", "pip", "install", "--disable-pip-version-check", "--quiet", "--require-hashes", "-r", REQUIREMENTS)
        subprocess.run([python, *install], check=True)
        made.touch()
    return str(python)
