"""Where things are: the checkout, its committed configuration, and the folder `.hearback/` that a run may write to."""

from pathlib import Path

from shared.errors import ConfigurationError

ROOT = Path(__file__).resolve().parents[3]
CONFIG = ROOT / "deploy" / "local"
JAVA_REQUIREMENTS = ROOT / "requirements" / "java.txt"


def find_state(start: Path) -> Path:
    """The `.hearback` folder of the checkout that `start` is in, else of the checkout that this command belongs to."""
    for folder in (start, *start.parents):
        if (folder / ".hearback").is_dir() and (folder / "pyproject.toml").is_file():
            return folder / ".hearback"
    return ROOT / ".hearback"


class State:
    """The folder `.hearback/`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kafka = folder / "kafka"
        self.postgres = folder / "postgres"
        self.logs = folder / "logs"
        self.stack_file = folder / "stack.json"
        self.process_file = folder / "processes.json"
        self.lock_file = folder / "lock"
        self.demo_key = folder / "demo.key"
        self.secrets_keys = {
            "ingest": folder / "ingest-secrets.key",
            "pseudonyms": folder / "pseudonyms.key",
            "alerts": folder / "secrets.key",
        }

    def log_of(self, part: str) -> Path:
        """Where the output of a part goes."""
        return self.logs / f"{part}.log"

    def make(self) -> None:
        """Create the folder for our eyes only. Raises ConfigurationError when it belongs to somebody else."""
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            self.logs.mkdir(exist_ok=True)
            self.lock_file.touch(mode=0o600)
        except PermissionError:
            raise ConfigurationError(
                f"{self.folder} cannot be written: it belongs to another user, who may remove it with `make clean`"
            ) from None
