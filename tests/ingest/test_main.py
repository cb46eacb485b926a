"""Each role has a process of its own in a cluster, which holds in memory what that role needs."""

import subprocess
import sys

OF_OTHER_ROLES = ("openpyxl", "jinja2", "segno", "services.ingest.adapters")


def test_who_only_takes_events_has_nothing_of_channels_imports_and_surveys_in_memory() -> None:
    code = "import sys, services.ingest.main; print(*sys.modules)"

    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()

    assert "services.ingest.events" in loaded
    assert [name for name in OF_OTHER_ROLES if name in loaded] == []
